"""Links, pipes and devices where a received folder should have files."""

import os
from pathlib import Path

from attacks.place import Attack, Place

GO_ON = (["resume", "RUN"],)
LOOK = (
    ["show", "RUN"],
    ["list", "runs", "RECEIVED"],
    ["compare", "RUN"],
    ["diff", "RUN", "RUN"],
    ["report", "RUN", "--only", "appendix"],
)
ALL = (*GO_ON, *LOOK)


def link(name: str, target: str, *, finished: bool = False) -> Attack:
    """A name in the run leads out of it: nothing is written through it."""

    def prepare(place: Place) -> None:
        if not finished:
            place.unfinished()
        path = place.run / name
        path.parent.mkdir(exist_ok=True)
        if path.exists():
            path.rename(path.with_name("was"))
        path.symlink_to(target.replace("TOP", str(place.top)))

    words = (["eval", "RUN"],) if finished else GO_ON
    return Attack(prepare, words, codes=(4,), says=("link",))


def pipe(name: str, *, codes: tuple[int, ...] = (0, 4)) -> Attack:
    """A pipe that nobody writes into: nobody waits for it."""

    def prepare(place: Place) -> None:
        place.unfinished()
        path = place.run / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return Attack(prepare, ALL, codes=codes)


def leads(name: str, target: str, *words: list[str]) -> Attack:
    """A file that is only read leads to what does not end, or is not the sender's."""

    def prepare(place: Place) -> None:
        path = place.run / name
        place.record(overrides=None)  # as of an older version, which had it in a file only
        path.unlink()
        path.symlink_to(target.replace("TOP", str(place.top)))

    return Attack(prepare, words or LOOK, codes=(0, 4), limited=False, unsaid=("mine, and",))


def sparse(name: str) -> Attack:
    """A file of a terabyte that is not there."""

    def prepare(place: Place) -> None:
        place.unfinished()
        os.truncate(place.run / name, 2**40)

    return Attack(prepare, ALL, codes=(0, 4))


def of_a_study(name: str, *words: list[str], folder: bool = False) -> Attack:
    """Something in the folder of the study leads out of it."""

    def prepare(place: Place) -> None:
        path = place.run.parent / name
        path.symlink_to(place.outside / "folder" if folder else place.home / ".bashrc")

    return Attack(prepare, words, codes=(0, 4, 5), limited=False)


def data_pipe(place: Place) -> None:
    """A pipe where a file of a known data set should be."""
    folder = place.received / "data/MNIST/raw"
    folder.mkdir(parents=True)
    for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        os.mkfifo(folder / f"{stem}-ubyte")


def world_writable(place: Place) -> None:
    """Outputs where everybody may write, with what somebody left there for this run."""
    claims = place.received / ".claims"
    claims.mkdir()
    Path(place.received).chmod(0o777)
    (claims / place.record()["identity"]).symlink_to(place.home / ".bashrc")


BASHRC = "TOP/home/.bashrc"
FILES = ("metrics.jsonl", "timings.jsonl", "record.json", "summary.json", "lock", "log.txt")
MORE = ("error.txt", "events.out.tfevents.0000000001.vitpos", "predictions.npz", ".x.1.tmp")
READ = ("metrics.jsonl", "record.json", "config.yaml", "predictions.npz")
ATTACKS = {
    **{f"{name} to ~/.bashrc": link(name, BASHRC) for name in (*FILES, *MORE)},
    **{f"{name} to a new file": link(name, "TOP/outside/effect") for name in ("lock", "log.txt")},
    **{
        f"{name} to a folder": link(name, "TOP/outside/folder")
        for name in ("checkpoints", "positions", "probes")
    },
    "relative": link("log.txt", "../../../../outside/effect"),
    "a chain": link("log.txt", "/proc/self/cwd/../outside/effect"),
    "within checkpoints": link("checkpoints/index.jsonl", "TOP/outside/effect"),
    "within positions": link("positions/attention.json", "TOP/outside/effect"),
    "evaluations.jsonl": link("evaluations.jsonl", BASHRC, finished=True),
    **{f"a pipe: {name}": pipe(name) for name in (*FILES, "config.yaml", "overrides.txt")},
    **{f"a pipe: {name}": pipe(name) for name in ("predictions.npz", "evaluations.jsonl")},
    "a pipe: checkpoints/index.jsonl": pipe("checkpoints/index.jsonl"),
    **{
        f"{name} to /dev/zero": leads(name, "/dev/zero")
        for name in (*READ, "summary.json")
    },
    "overrides.txt to the environment": leads("overrides.txt", "/proc/self/environ"),
    "overrides.txt to a private file": leads("overrides.txt", BASHRC),
    "config.yaml to the environment": leads("config.yaml", "/proc/self/environ"),
    "config.yaml to a private file": leads("config.yaml", BASHRC),
    "record.json to itself": leads("record.json", "record.json"),
    **{
        f"a terabyte: {name}": sparse(name)
        for name in (*READ, "overrides.txt")
    },
    "a study: looks.jsonl": of_a_study("looks.jsonl", ["compare", "STUDY"]),
    "a study: report.md": of_a_study("report.md", ["report", "STUDY", "--only", "appendix"]),
    "a study: plots": of_a_study("plots", ["plot", "STUDY", "--what", "curves"], folder=True),
    "a study: a loop": Attack(
        lambda place: (place.received / "loop").symlink_to(place.received),
        (["list", "runs", "RECEIVED"], ["compare", "RECEIVED"]),
        codes=(0,),
    ),
    "data: a pipe": Attack(
        data_pipe,
        (["train", "dataset=mnist", "dataset.root=RECEIVED/data", "--dry-run"],),
        codes=(3,),
    ),
    "outputs for everybody": Attack(world_writable, LOOK[:3], codes=(0,)),
}  # fmt: skip
