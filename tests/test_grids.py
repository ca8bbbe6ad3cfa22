"""A grid of the command line is a study: however it is spelled, the same runs in the same order."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import call

from vitpos import config, identities, overrides
from vitpos.errors import BadInput
from vitpos.sweeps import frozen, grids, studies
from vitpos.sweeps.plan import Plan

FAST = "training=smoke"


def asked(*words: str, **options: Any) -> Plan:
    """The plan of `vitpos sweep ...`."""
    return grids.asked([*words], **options)


def complaint(*words: str, **options: Any) -> str:
    """All that is said to be wrong."""
    with pytest.raises(BadInput) as caught:
        asked(*words, **options)
    return "\n".join(f"{message} ({hint})" for message, hint in caught.value.problems)


def arms(found: Plan) -> dict[str, str | None]:
    """The arms with what each is compared with."""
    return {member.arm.name: member.arm.baseline for member in found.members}


@pytest.mark.parametrize(
    "words",
    [
        ("embedding=none,learned1d,learned1d+rope_mixed", "seed=0..2"),
        ("embedding=none,learned1d,[learned1d,rope_mixed]", "seed=range(0,3)"),
        ("embedding=choice(none,learned1d,[learned1d,rope_mixed])", "seed=0,1,2"),
        ("embedding=None,Learned1D,LEARNED1D+rope_mixed", "seed=0..0,1..2"),
        ("seed=sort(2,0,1)", "embedding=none, learned1d, learned1d + rope_mixed"),
        ("embedding=tag(x,choice(none,learned1d,learned1d+rope_mixed))", "seeds=3"),
    ],
)
def test_all_spellings_are_the_same_plan(words: tuple[str, ...]) -> None:
    """Sugar, Hydra's grammar and capital letters: one digest."""
    usual = asked(FAST, "embedding=none,learned1d,learned1d+rope_mixed", seeds=3)

    assert frozen.digest(asked(FAST, *words)) == frozen.digest(usual)
    assert usual.study.name == "sweep-" + usual.study.name[-8:]
    assert usual.study.design.seeds == 3


def test_a_grid_has_the_runs_of_the_study_that_says_the_same(tmp_path: Path) -> None:
    """Identities, baselines and order are those of a file with these arms."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "question: q\nsource: s\nbase: {training: smoke}\nbaseline: none\nseeds: 2\n"
        "grid: {training.lr: [0.001, 0.002]}\n"
        "arms: {none: {embedding: none}, peg: {embedding: peg}}\n"
        "metric: test/accuracy\ndirection: up\nalpha: 0.05\nsmallest_effect: 0.005\nlooks: 1\n"
    )
    file = asked(f"study={path}")
    grid = asked(FAST, "embedding=none,peg", "training.lr=1e-3,2e-3", "seed=0..1")

    assert [member.identity for member in grid.members] == [m.identity for m in file.members]
    assert file.study.name == "mine"
    assert arms(grid) == {
        "none-lr0.001": None, "peg-lr0.001": "none-lr0.001",
        "none-lr0.002": None, "peg-lr0.002": "none-lr0.002",
    }  # fmt: skip


def test_values_are_those_of_hydras_own_sweeper() -> None:
    """Every combination that it would run, and no other."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    words = [
        "embedding=none,[learned1d,rope_mixed]", "training.lr=choice(1e-3,0.5)",
        "seed=range(4,0,-2)",
        "training.betas=[0.9,0.99],[0.8,0.9]", "training.schedule=cosine,linear", FAST,
    ]  # fmt: skip
    [batch] = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(words), None)
    theirs = {identities.identity(config.compose(job)) for job in batch}

    assert {member.identity for member in asked(*words).members} == theirs
    assert len(theirs) == 32


@settings(max_examples=8, deadline=None)
@given(
    embeddings=st.lists(st.sampled_from(["none", "peg", "rope2d"]), min_size=1, unique=True),
    rates=st.lists(st.floats(1e-5, 1), min_size=1, max_size=3, unique=True),
    seeds=st.lists(st.integers(0, 2**62), min_size=1, max_size=3, unique=True),
)
def test_members_are_the_product(
    embeddings: list[str], rates: list[float], seeds: list[int]
) -> None:
    """As many as combinations, all different, a seed after the other, in folders of their own."""
    lists = [",".join(map(str, several)) for several in (embeddings, rates, seeds)]
    found = asked(f"embedding={lists[0]}", f"training.lr={lists[1]}", f"seed={lists[2]}", FAST)
    count = len(embeddings) * len(rates)

    assert len(found.members) == count * len(seeds)
    assert len({member.identity for member in found.members}) == len(found.members)
    assert len({member.arm.name for member in found.members}) == count
    assert [m.seed for m in found.members] == [s for s in sorted(seeds) for _ in range(count)]


def test_any_seeds_are_frozen_and_thawed(tmp_path: Path) -> None:
    """Not only the first ones; the order in which they were typed does not matter."""
    one = asked(FAST, "embedding=none,peg", "seed=7,3,5", f"outputs={tmp_path}")
    other = asked(FAST, "embedding=none,peg", "seed=3,5,7", f"outputs={tmp_path}")

    assert frozen.thaw(frozen.freeze(one)) == one
    assert frozen.digest(one) == frozen.digest(other)
    assert one.study.seeds == (3, 5, 7)


@pytest.mark.parametrize(
    ("words", "baseline", "expected"),
    [
        (["embedding=peg,none"], None, {"none": None, "peg": "none"}),
        (["embedding=peg,rope2d"], None, {"peg": None, "rope2d": "peg"}),
        (["embedding=peg,rope2d"], "Rope2d", {"peg": "rope2d", "rope2d": None}),
        (["training.lr=1,2"], None, {"lr1": None, "lr2": "lr1"}),
        (["training.lr=1,2"], "2", {"lr1": "lr2", "lr2": None}),
        (["embedding=none"], None, {"none": None}),
        (["embedding=none,peg", "training.lr=1,2"], "training.lr=2",
         {"lr1-none": "lr2-none", "lr2-none": None, "lr1-peg": "lr2-peg", "lr2-peg": None}),
        (["embedding=none,peg", "training.lr=1,2"], "peg-lr1",
         {"none-lr1": "peg-lr1", "peg-lr1": None, "none-lr2": "peg-lr1", "peg-lr2": "peg-lr1"}),
    ],
)  # fmt: skip
def test_a_baseline_is_chosen_or_said(
    words: list[str], baseline: str | None, expected: dict[str, str | None]
) -> None:
    """No position if there is that, else the first; other axes are conditions."""
    assert arms(asked(FAST, *words, baseline=baseline)) == expected


def test_names_tell_what_differs() -> None:
    """In few words, which may be those of a folder."""
    words = (
        "embedding=learned1d+peg,peg",
        "backbone.pool=mean,cls",
        "training.betas=[0.9,0.9],[0,1e-9]",
    )
    names = list(arms(asked(FAST, *words)))

    assert names[0].startswith("learned1d+peg-pool_mean-betas_0.9_0.9_")
    assert len(set(names)) == 8
    assert all(len(name) <= 60 for name in names)


def test_glob_chooses_from_files() -> None:
    """Of embeddings, with what it leaves out."""
    found = asked(FAST, "embedding=glob(rope2d*,exclude=[rope2d_*])")

    assert [member.arm.overrides["embedding"] for member in found.members] == ["rope2d"]


def test_words_of_a_file(tmp_path: Path) -> None:
    """`@FILE` stands for its lines."""
    path = tmp_path / "words"
    path.write_text(f"# three\nembedding=none,peg  # two arms\n\n{FAST}\nnotes='a # b'\n")

    assert overrides.given([f"@{path}"])[:2] == ["embedding=none,peg", FAST]
    assert frozen.digest(asked(f"@{path}")) == frozen.digest(asked("embedding=none,peg", FAST))


def test_how_it_is_judged_can_be_said() -> None:
    """With the words of a study's file."""
    design = asked(FAST, "embedding=none,peg", "metric=val/loss", "alpha=0.01").study.design

    assert (design.metric, design.direction, design.alpha) == ("val/loss", "down", 0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["embedding=none,NONE"], "embedding: none twice"),
        (["training.lr=1e-3,0.001"], "training.lr: 0.001 twice"),
        (["seed=1,0..2"], "seed: 1 twice"),
        (["seed=-1,2"], "seed = -1: must be at least 0"),
        (["seed=a,b"], "seed = a: must be a whole number"),
        (["seed=4..2"], "seed=4..2: not one value"),
        (["seed=range(3,3)"], "seed=range(3,3): not one value"),
        (["seed=0..4..0"], "a step of 0 leads nowhere"),
        (["embedding=glob(zz*)"], "not one value"),
        (["embedding=none,rop2d"], "there is no such embedding (did you mean rope2d"),
        (["embedding=none,peg+"], "a name is missing"),
        (["training.lr=interval(0.1,0.2)"], "an interval is for a sweeper that searches"),
        (["seed=range(0,1000000)"], "1,000,000 values; a sweep has at most 10,000 runs"),
        (["seed=0..999999999999"], "a sweep has at most 10,000"),
        (["training.lr=range(0.1,1,1e-9)"], "a sweep has at most 10,000"),
        (["embedding=none,peg", "seed=0..9999"], "= 20,000 runs: a sweep has at most 10,000"),
        (
            ["embedding=none,peg", "seed=0..100"],
            "2 embedding x 101 seeds = 202 runs: are they meant",
        ),
        (["notes=a,b"], "notes has one value: it makes no other run"),
        (["name=x"], "name is that of the arm"),
        (["seed=1", "seeds=2"], "seed and seeds both say which seeds"),
        (["training.limit=null,4", "alpha=2"], "alpha = 2.0: must be below 1"),
        (["metric=accuracy"], "metric = accuracy: must be like test/accuracy"),
        (["study=schh2024", "embedding=none,peg"], "a study has arms of its own"),
        (["study=schh204"], "there is no study schh204 (did you mean schh2024?)"),
        (["study=./none.yaml"], "there is no such file"),
        (["schh2024"], "is not KEY=VALUE (study=schh2024)"),
        (["@/nowhere"], "@/nowhere cannot be read"),
        ([], "which study?"),
    ],
)
def test_says_what_is_wrong(words: list[str], said: str) -> None:
    """Quickly, also of very many."""
    start = time.process_time()

    assert said in complaint(*words)
    assert time.process_time() - start < 60


@pytest.mark.parametrize("baseline", ["rope3d", "training.lr=2", "embedding=rope2d"])
def test_an_unknown_baseline_is_named(baseline: str) -> None:
    """Whether an arm or a value."""
    assert baseline in complaint(FAST, "embedding=none,peg", baseline=baseline)


def test_a_hundred_arms_cost_no_hundred_files() -> None:
    """A choice of files is composed once, whatever the numbers are."""
    config.read.cache_clear()
    found = asked(FAST, "embedding=none,peg", "training.lr=range(1,11)", "seed=0..9", yes=True)

    assert len(found.members) == 200
    assert config.read.cache_info().misses == 2


def test_a_study_is_named_as_one_likes() -> None:
    """Unless a file has that name."""
    assert asked(FAST, "embedding=none,peg", "study=mine").study.name == "mine"
    assert "mine" not in config.options("study")


def test_words_are_read_again_as_they_were_meant() -> None:
    """What needs quotes gets them."""
    [member] = asked(FAST, "embedding=none", "notes='a, b'").members

    assert member.run.notes == "a, b"
    assert config.compose(member.words) == member.run


def test_is_typed_in_two_ways(tmp_path: Path, capsys: Any) -> None:
    """`vitpos train -m` and `vitpos sweep` say the same of the same words."""
    words = (FAST, "embedding=none,peg", "--seeds", "2", f"outputs={tmp_path}", "--dry-run")
    first = call(capsys, "train", "-m", *words)
    second = call(capsys, "sweep", *words)

    assert first == second
    assert first[0] == 0
    assert "2 arms x 2 seeds = 4 runs" in first[1]


def test_many_runs_are_asked_for(tmp_path: Path, capsys: Any) -> None:
    """Exit code 2, and how many they are."""
    code, _, errors = call(capsys, "sweep", "seed=0..400", FAST, f"outputs={tmp_path}")

    assert code == 2
    assert "401 runs" in errors
    assert "--yes" in errors


def test_one_run_has_one_value(capsys: Any) -> None:
    """Without `-m`, and the hint says how it would be several."""
    code, _, errors = call(capsys, "train", "seed=0..4")

    assert code == 2
    assert "more than one value for one run" in errors
    assert "vitpos sweep seed=0..4" in errors


def test_studies_keep_their_first_seeds() -> None:
    """A file says how many, and never which."""
    found = studies.read("schh2024", {})

    assert found.seeds == tuple(range(found.design.seeds))
