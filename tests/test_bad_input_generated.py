"""Words that nobody thought of: whatever is typed, a command does it or refuses it in order."""

import dataclasses
import functools
import types
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from amounts import amount
from bad_input import Command, Said, vitpos
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from quick_runs import quick

from vitpos import catalogue, config
from vitpos.schema import Run, Slurm

__all__ = ["vitpos"]
SHARED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    "phases": [Phase.explicit, Phase.generate, Phase.shrink],
}
NEAR = (-1e-9, 0, 1e-9, -1, 1, 0.5)


def fields(kind: Any, path: str = "") -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every key of the schema with its type and its limits, those of kinds too."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        here, own = f"{path}{field.name}", hints[field.name]
        yield here, own, dict(field.metadata)
        for inside in (own, *field.metadata.get("kinds", {}).values()):
            if dataclasses.is_dataclass(inside):
                yield from fields(inside, f"{here}.")


def at_limits(kind: Any, rules: dict[str, Any]) -> list[str]:
    """Values on, just inside and just outside what a key may be."""
    if isinstance(kind, types.UnionType):
        return ["null", *at_limits(typing.get_args(kind)[0], rules)]
    if typing.get_origin(kind) is list:
        inner = at_limits(typing.get_args(kind)[0], rules)
        return ["[]", *inner, *(f"[{value}]" for value in inner), f"[{','.join(inner)}]"]
    if "one_of" in rules:
        return [
            text for word in rules["one_of"] for text in (str(word), f"{word}x", str(word)[:-1])
        ]
    if kind is bool:
        return ["true", "false", "on", "off", "yes", "1", "0", "null"]
    bounds = [v for key, v in rules.items() if key in ("at_least", "at_most", "above", "below")]
    numbers = [str(bound + step) for bound in bounds or [0] for step in NEAR]
    return [*numbers, "1e400", "nan", "-0.0", "1_000", "0x10", "1e3", "", "null"]


def keys_and_values() -> dict[str, list[str]]:
    """All keys there are, of groups, of strategies and of a launcher, with such values."""
    found = {key: at_limits(kind, rules) for key, kind, rules in [*fields(Run)]}
    found |= {f"launcher.{key}": at_limits(kind, rules) for key, kind, rules in [*fields(Slurm)]}
    for name in config.options("embedding"):
        for option, value in catalogue.given(name).items():
            found[f"embedding.{name}.{option}"] = at_limits(type(value), {})
    for group in config.GROUPS:
        found[group] = [*config.options(group), "NONE", "a+b", "rope2d+peg", "[]", "*"]
    return found


KEYS = keys_and_values()
ODD_KEYS = ["", "hydra", "hydra.run.dir", "_target_", "training", "+seed", "~seed", "a.b", "\u202e"]
SIMPLE = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["null", "true", "'x'", '"x"', "rope2d", "mnist5k", "\u212b", "٣", "é", "😀"]),
)
NESTED = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(SIMPLE, inner), max_size=2).map(
            lambda items: "{" + ",".join(f"{key}: {value}" for key, value in items) + "}"
        ),
        inner.map(lambda item: f"'{item}'"),
        inner.map(lambda item: f'"{item}'),
    ),
    max_leaves=6,
)
REFERENCES = st.one_of(
    st.sampled_from([*KEYS]).map(lambda key: f"${{{key}}}"),
    st.sampled_from(
        ["${oc.env:HOME}", "${now:%S}", "${", "${a", "${${seed}}", "$seed", "${.seed}"]
    ),
)
SWEPT = st.one_of(
    st.lists(SIMPLE, min_size=2, max_size=3).map(",".join),
    st.tuples(st.integers(-9, 9), st.integers(-9, 99)).map(lambda ends: f"{ends[0]}..{ends[1]}"),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(-2, 2)).map(
        lambda ends: "range({},{},{})".format(*ends)
    ),
    st.text(alphabet="abcdeorp12*?[]!,()", max_size=8).map(lambda text: f"glob({text})"),
    st.sampled_from(["choice(1,2)", "shuffle(1,2)", "sort(2,1)", "interval(0,1)", "tag(a,1)", "0..",
                     "glob([*,r*],exclude=*2d)", "range(1e9)", "0..99999999999", "1..9..0"]),
)  # fmt: skip


@st.composite
def known(draw: st.DrawFn) -> str:
    """A key that there is, with a value at its limits."""
    key = draw(st.sampled_from([*KEYS]))
    return f"{key}={draw(st.sampled_from(KEYS[key]))}"


@st.composite
def strange(draw: st.DrawFn, several: bool = False) -> str:
    """Any key, any value."""
    key = draw(st.one_of(st.sampled_from([*KEYS]), st.sampled_from(ODD_KEYS), st.text(max_size=6)))
    between = draw(st.sampled_from(["=", "=", "=", "", "==", "+=", " = "]))
    values = st.one_of(NESTED, REFERENCES, *[SWEPT] * several)
    return f"{key}{between}{draw(values)}"


def typed(words: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """What one may type: no option, no file of words, and no NUL, which no shell passes on."""
    usual = words.map(lambda word: word.replace("\0", "")).filter(lambda word: word[:1] not in "-@")
    return st.lists(usual, max_size=4)


def in_order(said: Said, *codes: int) -> None:
    """One of the codes; what is wrong is said in lines, and never as a traceback."""
    assert said.code in codes, said
    assert (said.err == "") == (said.code == 0), said
    assert all(line.startswith(("error: ", "hint: ")) for line in said.err.splitlines()), said
    assert "this is a bug" not in said.err


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[Said], None]:
    """Count how commands ended."""
    found = Counter[int]()

    def told(said: Said) -> None:
        found[said.code] += 1
        record_property(f"ended with {said.code}", found[said.code])

    return told


@pytest.mark.torture
@settings(max_examples=amount(40, 3500), **SHARED)
@given(typed(st.one_of(known(), known(), strange())))
@example(["embedding={a: 1}"])
@example(["training={lr: 1}"])
def test_no_words_make_a_traceback(
    vitpos: Command, tell: Callable[[Said], None], words: list[str]
) -> None:
    """Whatever is typed after `vitpos train --cfg`, it is composed or refused."""
    said = vitpos("train", "--cfg", "--", *words)

    in_order(said, 0, 2)
    tell(said)


SMALL = ("training=smoke", "threads=1", "device=cpu")


@pytest.fixture
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long runs take is not what is asked here."""
    monkeypatch.setattr("vitpos.sweeps.grids.ASK_FROM", 30)


@pytest.mark.torture
@pytest.mark.usefixtures("_unmeasured")
@settings(max_examples=amount(20, 1500), **SHARED)
@given(typed(st.one_of(known(), strange(several=True), strange(several=True))))
@example(["embedding=glob(rope*)", "seed=0..1"])
@example(["embedding=none,rope2d", "baseline=x"])
def test_no_words_of_a_sweep_make_a_traceback(
    vitpos: Command, tell: Callable[[Said], None], words: list[str]
) -> None:
    """Commas, ranges and globs: planned or refused, also where a study could be meant."""
    said = vitpos("sweep", "--commands", "--", *SMALL, *words)

    in_order(said, 0, 2, 3, 4)
    tell(said)


OPTIONS = {
    "compare": ("--metric", "--at", "--direction", "--where", "--group-by", "--baseline", "--sort",
                "--allow", "--columns", "--format"),
    "plot": ("--metric", "--x", "--where", "--group-by", "--baseline", "--allow", "--what"),
    "list": ("--bench", "--json"),
    "show": ("--json", "--plain"),
    "explain": ("--json", "--plain"),
    "diff": ("--json",),
    "report": ("--only", "--max-mb", "--images", "--live-arm", "--allow"),
}  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=8).map(lambda text: text.replace("\0", "")),
    st.sampled_from([
        "test/accuracy", "val/loss", "cost/params", "perf/x", "probe/shuffle/drop", "epoch=2",
        "images=1e9", "seconds=nan", "epoch=-1", "up", "seed<1", "backbone.depth>=x", "arm=[a",
        "seed", "backbone.dim,seed", "a", "b", "mixed", "mixed-code", "mean", "mean,mde", ",", "",
        "metric", "json", "csv", "latex", "runs", "embeddings", "rope2d", "embedding=peg", "..",
        "nowhere", "here", "here/a-s0", "-1", "nan", "99", "appendix", "position", "é" * 90,
    ]),
)  # fmt: skip


@st.composite
def asked(draw: st.DrawFn) -> list[str]:
    """A command that reads, with options of its own and with what may stand after them."""
    command = draw(st.sampled_from([*OPTIONS]))
    words = [command]
    for option in draw(st.lists(st.sampled_from(OPTIONS[command]), max_size=3)):
        alone = option in ("--json", "--plain")
        words += [option] if alone else [f"{option}={draw(VALUES)}"]
    several = draw(st.lists(VALUES.filter(lambda text: text[:1] != "-"), max_size=2))
    return [*words, *several]


@functools.cache
def drawn() -> None:
    """Loading what draws takes seconds: once, and in no example."""
    import vitpos.pages.writing
    import vitpos.plots.draw  # noqa: F401


@pytest.mark.torture
@settings(max_examples=amount(20, 600), **SHARED)
@given(asked())
@example(["compare", "here", "--where=arm=["])
@example(["compare", "here", "--at=epoch=1e999"])
def test_no_options_make_a_traceback(
    vitpos: Command, tell: Callable[[Said], None], tmp_path: Path, words: list[str]
) -> None:
    """Commands that read runs: an answer, or one of the codes for what cannot be asked."""
    drawn()
    if not (tmp_path / "here").exists():
        for arm, embedding in (("a", "none"), ("b", "rope2d")):
            for seed in range(2):
                quick(tmp_path / "here", arm, seed, 0.5 + seed / 8, embedding=embedding)
    said = vitpos(*words)

    assert said.code in (0, 2, 3, 4), said
    assert "this is a bug" not in said.err
    assert "Traceback" not in said.err
    tell(said)
