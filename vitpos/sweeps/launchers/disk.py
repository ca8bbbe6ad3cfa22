"""Whether the locks of a disk reach the other machines that share it, as its mount tells.

Without them two sweeps could compute the same run at the same time. The manual
pages nfs(5) and mount.lustre(8) say which options decide that.
"""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")


def deaf(path: Path, mounts: str | None = None) -> str:
    """Why locks in this folder stay on one machine; empty if they do not, or that is not known."""
    try:
        lines = (MOUNTS.read_text() if mounts is None else mounts).splitlines()
    except OSError:  # not Linux
        return ""
    real, found = path.resolve(), (Path("/"), "", set[str]())
    for line in lines:
        _, place, kind, options, *_ = [*line.split(), "", "", "", ""]
        where = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place))
        if real.is_relative_to(where) and len(where.parts) >= len(found[0].parts):
            found = (where, kind, set(options.split(",")))
    where, kind, told = found
    alone = {"local_lock=all", "local_lock=flock", "nolock", "localflock"} & told
    if (kind.startswith("nfs") and alone) or (kind == "lustre" and "flock" not in told):
        return f"locks in {where} do not reach other machines ({min(alone, default='no flock')})"
    return ""
