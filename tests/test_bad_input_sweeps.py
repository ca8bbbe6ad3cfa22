"""Sweeps, studies and comparisons that make no sense: rows 22, 23, 79 to 81 and 84."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad_input import Command, acted, acts, refused, vitpos
from quick_runs import quick
from small_studies import BODY

__all__ = ["vitpos"]
TWO = "embedding=none,rope2d"
WORDS: dict[str, tuple[Sequence[str], Sequence[str]]] = acted({
    "22 sweep": (["sweep", TWO, "seed=0,0,1"], ["seed: 0 twice"]),
    "22 multirun": (["train", "-m", TWO, "seed=0,0,1"], ["seed: 0 twice"]),
    "22 tune": (["tune", "study=lr_fairness", "seed=0,0"], ["seed: 0 twice"]),
    "23 --seeds": (["sweep", TWO, "--seeds", "0"], ["seeds = 0", "1 to 10000"]),
    "23 seeds": (["sweep", TWO, "seeds=0"], ["seeds = 0", "1 to 10000"]),
    "23 seeds list": (["sweep", TWO, "seeds=[]"], ["seeds = []", "a whole number"]),
    "23 seed list": (["sweep", TWO, "seed=[]"], ["seed = []", "a whole number"]),
    "23 empty seed": (["sweep", TWO, "seed="], ["seed: empty value"]),
    "tune seeds": (["tune", "study=lr_fairness", "seeds=0"], ["seeds = 0", "at least 1"]),
    "83 sweep": (["sweep", TWO, "outputs=/dev/null"], ["/dev/null is not a folder"]),
    "84 empty grid": (["sweep"], ["which study?", "embedding=none,rope2d seed=0..4"]),
    "an empty range": (["sweep", "seed=range(3,3)"], ["not one value", "nothing would run"]),
    "an empty glob": (["sweep", "embedding=glob(zzz*)"], ["not one value", "nothing would run"]),
    "84 many": (["sweep", TWO, "seed=0..499999", "--yes"], ["500,000 values", "at most 10,000"]),
    "a product of many": (
        ["sweep", TWO, "backbone.depth=1..99", "seed=0..99", "--yes"],
        ["2 embedding x 99 backbone.depth x 100 seeds = 19,800 runs", "at most 10,000"],
    ),
    "84 asked": (["sweep", TWO, "seed=0..100"], ["2 embedding x 101 seeds = 202 runs", "--yes"]),
    "84 two spellings": (["sweep", "embedding=rope2d,ROPE2D"], ["embedding: rope2d twice"]),
    "84 twice": (["sweep", "training.lr=1e-3,0.001"], ["training.lr: 0.001 twice"]),
    "84 empty baseline": (["sweep", TWO, "--baseline="], ["there is no arm", "none, rope2d"]),
    "84 baseline not there": (
        ["sweep", TWO, "--baseline=rope1d"], ["there is no arm rope1d", "rope2d"]
    ),
    "no study": (["sweep", "study=schh"], ["there is no study schh", "schh2024"]),
    "no file": (["sweep", "study=./no.yaml"], ["study=./no.yaml", "no such file"]),
    "a long file": (["sweep", f"study=./{'x' * 300}.yaml"], ["study=./xxx", "too long"]),
    "a wrong value in an arm": (["sweep", TWO, "training.lr=-1"], ["training.lr = -1", "above 0"]),
})  # fmt: skip


@pytest.mark.parametrize("row", WORDS)
def test_refuses_a_sweep(row: str, vitpos: Command, tmp_path: Path) -> None:
    """Before anything runs, and before there is a folder."""
    words, expected = WORDS[row]

    refused(vitpos(*words), 2, *expected)
    assert not list(tmp_path.iterdir())


def spelled(**changes: Any) -> bytes:
    """The file of a small study, with changes; None leaves a key out."""
    body = {key: value for key, value in (BODY | changes).items() if value is not None}
    return yaml.safe_dump(body).encode()


FILES: dict[str, tuple[bytes, Sequence[str]]] = acted({
    "79 study syntax": (spelled() + b"then: [1, 2\n", [":"]),
    "79 study tab": (spelled() + b"then:\n\timage_size: 4\n", [r"'\t'"]),
    "79 study twice": (spelled() + b"seeds: 9\n", ["seeds occurs twice"]),
    "80 study alias": (b"a: &a [1, 2]\nb: [*a, *a]\n" + spelled(), [":1:", "aliases"]),
    "80 study python": (spelled() + b"x: !!python/object/apply:os.getpid []\n", ["tags"]),
    "81 study long": (spelled() + b"#" * 5_000_000, ["too many"]),
    "81 study binary": (bytes(range(256)), [":"]),
    "81 study BOM": (b"\xef\xbb\xbf" + spelled(), [":1:", "byte order mark"]),
    "81 study UTF-16": (spelled().decode().encode("utf-16"), [":1:", "UTF-8"]),
    "84 twins": (
        spelled(arms={"a": {"embedding": "none"}, "b": {"embedding": "NONE"}}),
        ["a and b are the same run"],
    ),
    "84 no baseline": (spelled(baseline=None), ["baseline is missing", "one of a, b"]),
    "a baseline that is no arm": (spelled(baseline="zz"), ["there is no arm zz", "one of a, b"]),
    "no arms": (spelled(arms=None), ["there are no arms"]),
    "seeds that are none": (spelled(seeds=[]), ["seeds = []", "a whole number"]),
    "duplicate seeds": (spelled(seeds=[0, 0, 1]), ["seeds = [0, 0, 1]", "a whole number"]),
    "a target": (
        spelled(arms={"a": {"embedding": "none"}, "b": {"embedding.none._target_": "os.system"}}),
        ["unknown key embedding.none._target_"],
    ),
})  # fmt: skip


@pytest.mark.parametrize("row", FILES)
def test_refuses_the_file_of_a_study(row: str, vitpos: Command, tmp_path: Path) -> None:
    """With its name, and the line where there is one."""
    content, expected = FILES[row]
    path = tmp_path / "made.yaml"
    path.write_bytes(content)

    for command in ("sweep", "tune"):
        said = vitpos(command, f"study={path}")
        refused(said, 2, *(expected if command == "sweep" else ()))
    assert [path.name for path in tmp_path.iterdir()] == ["made.yaml"]


@acts("23 few seeds")
def test_one_run_has_no_interval(vitpos: Command, tmp_path: Path) -> None:
    """One seed: the table says that n is too small, and does not guess."""
    for arm, embedding in (("a", "none"), ("b", "rope2d")):
        quick(tmp_path, arm, 0, 0.5, embedding=embedding)
    said = vitpos("compare", str(tmp_path), "--baseline=a", "--format=json")
    b = next(arm for arm in json.loads(said.out)["arms"] if arm["arm"] == "b")

    assert (b["n"], b["mean_low"], b["p"], b["verdict"]) == (1, None, None, "n too small")


@acts("84 mixed data", "84 mixed code")
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("data", {"data": {"name": "mnist", "digest": "e" * 64, "test": 9}}),
        ("code", {"machine": {"git": "fedcba987654"}}),
    ],
)
def test_does_not_compare_what_is_not_alike(
    name: str, other: dict[str, Any], vitpos: Command, tmp_path: Path
) -> None:
    """Which runs differ in what, and how to do it all the same."""
    for seed in range(3):
        quick(tmp_path, "a", seed, 0.5)
        quick(tmp_path, "b", seed, 0.6, embedding="none", **other)

    for command in ("compare", "report", "plot"):
        refused(
            vitpos(command, str(tmp_path)), 2,
            f"the runs differ in {name}: ", "(a)", "(b)", f"--allow mixed-{name}",
        )  # fmt: skip
    said = vitpos("compare", str(tmp_path), "--allow", f"mixed-{name}", "--format", "markdown")
    assert said.code == 0
    assert f"mixed {name}: " in said.out


def test_compares_with_an_arm_that_is_there(vitpos: Command, tmp_path: Path) -> None:
    """Another baseline is named with those that there are."""
    quick(tmp_path, "a", 0, 0.5)

    refused(vitpos("compare", str(tmp_path), "--baseline", "zz"), 2, "--baseline zz", "one of a")
