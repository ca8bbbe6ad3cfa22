"""Ask all oracles, installed packages and cloned repositories, and write down what they say.

`python -m scripts.oracles` writes `vitpos/oracles/README.md`. References that exist only as
repositories are asked where `$VITPOS_REPOSITORIES` is a folder with clones at OWNER/NAME.
"""

import importlib
import pkgutil
import re
import sys
from pathlib import Path

import torch

from vitpos.oracles.base import Oracle, known
from vitpos.verify import Row, asked, installed

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "vitpos" / "oracles" / "README.md"
HEAD = """# What our strategies were compared with

Values and gradients on square and oblong grids, on grids that were trained on and others, with and
without prefix tokens. The error is the largest difference, relative to the largest number of the
reference; it must stay below 1e-5 where either computes in float32, else below 1e-6. `vitpos
verify` asks the packages on your machine; `scripts/oracles.py` wrote this table.
"""


def of_repositories() -> list[tuple[Oracle, str]]:
    """The oracles whose references are cloned, and the commits of the clones."""
    sys.path.append(str(ROOT / "tests"))
    loading = importlib.import_module("repositories.loading")
    folder = importlib.import_module("repositories").__path__
    modules = [f"repositories.{module.name}" for module in pkgutil.iter_modules(folder)]
    oracles = [o for name in modules for o in getattr(importlib.import_module(name), "ORACLES", [])]
    return [(o, loading.commit(o.package)) for o in oracles if loading.clone(o.package)]


def rows() -> list[Row]:
    """All that can be asked here, by strategy."""
    found = []
    jobs = [*((oracle, installed(oracle.package)) for oracle in known()), *of_repositories()]
    for number, (oracle, version) in enumerate(jobs, 1):
        row = asked(oracle, version)
        print(f"{number}/{len(jobs)} {row.embedding} {row.reference}: {row.verdict} {row.note}")
        found.append(row)
    return sorted(found, key=lambda row: (row.embedding, row.package, row.reference))


def table(found: list[Row]) -> str:
    """In Markdown."""
    lines = [
        "| embedding | reference | version or commit | cases | compared | worst relative error |",
        "|---|---|---|---:|---|---:|",
    ]
    for row in found:
        where = f"{row.package} {row.version}"
        told = "" if row.error is None else f"{row.error:.1e}"
        cells = (f"`{row.embedding}`", f"`{row.reference}`", where, str(row.cases))
        compared = dict.fromkeys(re.sub(r"( of)? \d+( heads)?$", "", what) for what in row.compared)
        lines.append(f"| {' | '.join((*cells, ', '.join(compared), told))} |")
    return "\n".join(lines)


def main() -> int:
    """Ask, write, and fail if one differs or could not be asked."""
    torch.set_num_threads(1)
    found = rows()
    wrong = [row for row in found if row.verdict != "ok"]
    for row in wrong:
        print(f"{row.embedding} beside {row.reference}: {row.verdict}: {row.note}")
    if not wrong:
        TABLE.write_text(f"{HEAD}\n{table(found)}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
