"""Two runs side by side: what was asked for, what made them, what came out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from vitpos import records
from vitpos.errors import BadRun
from vitpos.records import Record, part
from vitpos.runs import present

Pair = list[Any]  # of the first run and of the second; None where one has nothing
SOFTWARE = ("git", "versions.vitpos")
PARTS = ("config", "code", "environment", "data", "metrics", "cost", "perf")
UNTOLD = ("classes", "mean", "std")  # of the data: its digest speaks for them


def facts(first: Path, second: Path) -> dict[str, Any]:
    """All in which two runs differ, for programs; raises `BadRun` if one cannot be read."""
    runs = [readable(path) for path in (first, second)]
    machines = [flat(part(run.record, "machine")) for run in runs]
    code = [{k: v for k, v in facts.items() if k in SOFTWARE} for facts in machines]
    code = [known | plugins(run) for known, run in zip(code, runs, strict=True)]
    around = [{k: v for k, v in facts.items() if k not in SOFTWARE} for facts in machines]
    data = [{k: v for k, v in part(r.record, "data").items() if k not in UNTOLD} for r in runs]
    told = {name: differing([flat(part(run.summary, name)) for run in runs]) for name in PARTS[4:]}
    return {
        "runs": [records.plain(run) for run in runs],
        "same_run": identity(runs[0]) is not None and identity(runs[0]) == identity(runs[1]),
        "config": differing(asked([records.settings(run.path) for run in runs])),
        "code": differing(code),
        "environment": differing(around),
        "data": differing(data),
        **told,
        "epochs": epochs([records.rows(run.path) for run in runs]),
        "predictions": predictions([run.path for run in runs]),
    }


def readable(path: Path) -> Record:
    """A run with nothing damaged."""
    present(path)
    if not records.is_run(path):
        raise BadRun(f"{path} is not the folder of a run: it has no config.yaml")
    run = records.read(path)
    if run.problems:
        raise BadRun.all_of(run.problems)
    return run


def identity(run: Record) -> Any:
    """What it computes, as recorded."""
    return run.record.get("identity")


def plugins(run: Record) -> dict[str, Any]:
    """The strategies of others that it used, with the state of their code."""
    return {f"plugin {name}": state for name, state in part(run.record, "plugins").items()}


def asked(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Both configs, each with the names of its strategies and the options of those both have."""
    shared = set(configs[0]["embedding"]) & set(configs[1]["embedding"])
    found = []
    for config in configs:
        chosen = config["embedding"]
        options = {
            name: {k: v for k, v in chosen[name].items() if not k.startswith("_")}
            for name in sorted(shared)
        }
        data = {**config, "embedding": "+".join(chosen)}
        found.append(flat(data) | flat(options, "embedding"))
    return found


def flat(data: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Values by dotted path."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        here = f"{path}.{name}" if path else str(name)
        found |= flat(value, here) if isinstance(value, Mapping) and value else {here: value}
    return found


def differing(both: Sequence[Mapping[str, Any]]) -> dict[str, Pair]:
    """The names under which not both have the same."""
    first, second = both
    names = list(dict.fromkeys([*first, *second]))
    pairs = {name: [first.get(name), second.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def epochs(both: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """How many epochs have the same numbers, bit for bit, before the first that has not."""
    first, second = both
    same = 0
    for row, other in zip_longest(first, second):
        if row != other:
            break
        same += 1
    return {"same": same, "of": [len(first), len(second)]}


def predictions(paths: Sequence[Path]) -> dict[str, int] | None:
    """On how many test images both say the same, and on how many only one is right."""
    import numpy as np  # the rest does without it

    from vitpos import arrays

    files = [path / "predictions.npz" for path in paths]
    if not all(file.is_file() for file in files):
        return None
    read = [arrays.wanted(file, "predicted", "labels") for file in files]
    (said, labels), (other, others) = read
    if labels.ndim < 1 or not np.array_equal(labels, others):
        return None  # other images
    if not len(labels) == len(np.atleast_1d(said)) == len(np.atleast_1d(other)):
        return None
    pairs = ((said, labels), (other, labels), (said, other))
    right, also, agree = ((a == b).reshape(len(labels), -1).all(axis=1) for a, b in pairs)
    return {
        "images": len(labels),
        "agree": int(agree.sum()),
        "only_first_right": int((right & ~also).sum()),
        "only_second_right": int((also & ~right).sum()),
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The same, for people."""
    for name, run in zip("AB", found["runs"], strict=True):
        yield f"{name}  {run['path']} ({run['status']})"
    yield verdict(found)
    for title in PARTS:
        if found[title]:
            yield f"\n{title}"
            yield from table(found[title])
    if found["predictions"] is not None:
        yield f"\n{images(found['predictions'])}"


def verdict(found: Mapping[str, Any]) -> str:
    """Whether they are the same run, and have the same numbers."""
    same, (first, second) = found["epochs"]["same"], found["epochs"]["of"]
    what = "the same run" if found["same_run"] else "two different runs"
    if same == first == second:
        return f"{what}; all {same} epochs have the same numbers, bit for bit"
    if same == min(first, second):
        return f"{what}; the same numbers, bit for bit, in the {same} epochs that both have"
    return f"{what}; numbers differ from epoch {same + 1} on"


def table(pairs: Mapping[str, Pair]) -> Iterator[str]:
    """A line for each name: A, B, and how much more B is, if they are numbers."""
    cells = [[name, *map(text, pair), more(*pair)] for name, pair in pairs.items()]
    widths = [min(40, max(len(row[column]) for row in cells)) for column in range(3)]
    for row in cells:
        padded = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)]
        yield "  ".join(["", *padded, row[3]]).rstrip()


def text(value: Any) -> str:
    """A value as it is written; a digest by its first digits."""
    if isinstance(value, str) and len(value) == 64:
        return value[:12]
    return "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def more(first: Any, second: Any) -> str:
    """The difference of two numbers."""
    numbers = [v for v in (first, second) if isinstance(v, int | float) and not isinstance(v, bool)]
    return f"{numbers[1] - numbers[0]:+.4g}" if len(numbers) == 2 else ""


def images(found: Mapping[str, int]) -> str:
    """The test images on which they agree."""
    return (
        f"the same class for {found['agree']:,} of {found['images']:,} test images;"
        f" only A is right on {found['only_first_right']:,},"
        f" only B on {found['only_second_right']:,}"
    )
