"""Get a data set ready for runs, and say what it is."""

from collections.abc import Mapping
from typing import Any

from vitpos.data import download, files, mnist5k, sources
from vitpos.data.known import KNOWN
from vitpos.data.samples import Report, silent
from vitpos.schema import Dataset


def ready(dataset: Dataset, report: Report = silent) -> dict[str, Any]:
    """Download what is missing, verify it, decode it once; the facts about it.

    Raises `BadData`, `NoResources` for a full disk, `BadInput` where the configuration is wrong.
    """
    if dataset.source == "embedded":
        where = mnist5k.FILE
    elif dataset.source == "folder":
        where = files.root(dataset)
    else:
        where = download.download(dataset, report)
    data = sources.load(dataset, report)
    return {
        "name": data.name,
        "where": str(where),
        "train": len(data.train.labels),
        "validation": len(data.validation.labels),
        "test": len(data.test.labels),
        "shape": list(data.train.pixels.shape[1:]),
        "classes": list(data.classes),
        "mean": list(data.mean),
        "std": list(data.std),
        "digest": data.digest,
    }


def lines(facts: Mapping[str, Any]) -> list[str]:
    """The facts, for people."""
    channels, height, width = facts["shape"]
    kind = "grey" if channels == 1 else "colour"
    names = facts["classes"]
    some = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    said = [
        f"{facts['name']} is ready",
        f"where     {facts['where']}",
        f"images    {facts['train']:,} to learn from, {facts['validation']:,} for validation,"
        f" {facts['test']:,} for the test; {width} x {height}, {kind}",
        f"classes   {len(names)}: {some}",
        f"pixels    mean {rounded(facts['mean'])}, deviation {rounded(facts['std'])}",
        f"sha256    {facts['digest']}",
    ]
    if facts["name"] == "mnist5k":
        others = ", ".join(name for name in KNOWN if name != "mnist")
        said.append(
            "A sample of MNIST's training images that ships with the package: accuracies on it are"
            f" not MNIST's. All of MNIST: `vitpos data mnist`; also {others}."
        )
    return said


def rounded(values: list[float]) -> str:
    """A number for each channel."""
    return " ".join(f"{value:.4f}" for value in values)
