"""Studies are files: every one composes, and what is wrong in one is said before anything runs."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_folders import call, folder
from small_studies import BODY

from vitpos import catalogue, config
from vitpos.errors import BadInput
from vitpos.sweeps import progress, studies
from vitpos.sweeps.plan import Plan, plan, planned
from vitpos.sweeps.studies import Study


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the names of folders are here, no line is broken."""
    monkeypatch.setenv("COLUMNS", "300")


NAMES = config.options("study")


def made(**changes: Any) -> Study:
    """A study of two arms, with changes; `BadInput` for what is wrong."""
    problems: list[Any] = []
    body = {key: item for key, item in (BODY | changes).items() if item != "left out"}
    found = studies.study("made", body, problems.append)
    if problems or found is None:
        raise BadInput.all_of(problems)
    return found


def complaint(work: Callable[[], object]) -> str:
    """All that is said to be wrong."""
    with pytest.raises(BadInput) as caught:
        work()
    return "\n".join(f"{message} ({hint})" for message, hint in caught.value.problems)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_composes(name: str) -> None:
    """All its members pass all checks, its arms differ, and each is compared with another."""
    found = planned([f"study={name}"])
    arms = {member.arm.name: member.arm for member in found.members}

    assert len(found.members) == len(arms) * found.study.design.seeds
    assert len({member.identity for member in found.members}) == len(found.members)
    assert all(arm.baseline in arms for arm in arms.values() if arm.baseline)
    assert {arm.baseline for arm in arms.values()} > {None}
    assert all(member.run.study == name for member in found.members)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_says_what_was_found_and_what_it_found(name: str) -> None:
    """Its header has what is known from elsewhere, and its own answer."""
    header = "\n".join(catalogue.header(studies.path(name).read_text()))

    assert "Found there" in header
    assert "Answer:" in header


def test_there_are_the_studies_that_were_asked_for() -> None:
    """Nine questions of the literature."""
    assert set(NAMES) >= {
        "all",
        "coordinate_augmentation",
        "lape",
        "padding_leak",
        "prefix_policy",
        "rope_base",
        "ropevit_resolution",
        "schh2024",
        "vit_table8",
    }


def test_all_has_every_embedding_but_those_it_gives_a_reason_for() -> None:
    """A new file in configs/embedding is an arm by itself."""
    found = studies.read("all", {})

    arms = {arm.name for arm in found.arms}
    assert arms | set(found.without) == set(config.options("embedding"))
    assert all(len(reason) > 10 for reason in found.without.values())


def test_schh2024_has_the_size_of_its_source() -> None:
    """0.8 million parameters, and as many of them for position as the authors count."""
    from vitpos.sweeps.counting import sizes

    found = sizes(planned(["study=schh2024", "seeds=1"]))

    assert all(800_000 < total < 830_000 for total, _ in found.values())
    assert [found[f"cifar10-{arm}"][1] for arm in ("none", "learned", "sines", "relative")] == [
        0,
        8192,
        0,
        2304,
    ]


def test_a_list_tells_which_studies_are_tuned(capsys: Any) -> None:
    """And which stop arms early: nobody who reads the question should miss it."""
    _, said, _ = call(capsys, "list", "studies")

    assert "`vitpos tune` has a grid" in said


def test_seeds_go_round_before_arms() -> None:
    """All arms of one seed come before the next seed."""
    found = plan(made(), {})

    assert [(m.arm.name, m.seed) for m in found.members] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert found.members[2].run.seed == 1
    assert found.members[2].words[-3:] == ("study=made", "name=a", "seed=1")


def test_the_words_of_a_member_make_its_run() -> None:
    """`vitpos train` with them is the same run."""
    for member in plan(made(then={"image_size": [28, 35]}), {}).members:
        assert config.compose(member.words) == member.run


def test_a_grid_is_a_condition_for_all_arms() -> None:
    """Arms are compared within it; an axis is values of a key, or names with overrides."""
    grid = {"training.epochs": [1, 2], "size": {"small": {"backbone": "micro"}}}
    found = made(grid=grid).arms

    assert [arm.name for arm in found] == [
        "epochs1-small-a", "epochs1-small-b", "epochs2-small-a", "epochs2-small-b",
    ]  # fmt: skip
    assert [arm.baseline for arm in found] == [None, "epochs1-small-a", None, "epochs2-small-a"]
    assert found[2].overrides["training.epochs"] == 2
    assert found[2].overrides["backbone"] == "micro"


def test_what_is_more_particular_wins() -> None:
    """Typed overrides over an arm's, and those over the base's."""
    arms = {"a": {"embedding": "none", "training.lr": 0.5}, "b": {"embedding": "peg"}}
    found = made(base={"dataset": "mnist5k", "training.lr": 0.25}, arms=arms)

    def rates(**asked: str) -> list[float]:
        return [member.run.training.lr for member in plan(found, asked).members[:2]]

    assert rates() == [0.5, 0.25]
    assert rates(**{"training.lr": "0.125"}) == [0.125, 0.125]


def test_a_star_stands_for_the_strategies_of_the_arm() -> None:
    """Whichever they are, one or several."""
    base = {"embedding.*.prefix": "learned"}
    arms = {"a": {"embedding": "learned1d"}, "b": {"embedding": "swin_rpb+sincos2d"}}
    first, second = plan(made(base=base, arms=arms, seeds=1), {}).members

    assert first.run.embedding["learned1d"]["prefix"] == "learned"
    assert {options["prefix"] for options in second.run.embedding.values()} == {"learned"}


def test_every_leaves_out_what_has_a_reason() -> None:
    """And takes the rest of the folder, with the arms that are named beside it."""
    others = {name: "too many" for name in config.options("embedding") if name not in ("none",)}
    found = made(every="embedding", without=others, arms={"two": {"embedding": "peg+rope2d"}},
                 baseline="none")  # fmt: skip

    assert [arm.name for arm in found.arms] == ["none", "two"]


def test_a_baseline_may_differ_from_arm_to_arm() -> None:
    """Each arm is compared with the one that the file says."""
    arms = {name: {"embedding": "peg"} for name in "abcd"}
    found = made(arms=arms, baseline={"b": "a", "d": "c"}).arms

    assert [arm.baseline for arm in found] == [None, "a", None, "c"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qestion": "?"}, "unknown key qestion (did you mean question?)"),
        ({"question": "left out"}, "question is missing"),
        ({"seeds": 0}, "seeds = 0: must be at least 1"),
        ({"seeds": [1, 5]}, "seeds = [1, 5]: must be a whole number"),
        ({"direction": "upwards"}, "direction = upwards: must be one of up, down"),
        ({"alpha": 1.5}, "alpha = 1.5: must be below 1"),
        ({"baseline": "left out"}, "baseline is missing"),
        ({"baseline": "c"}, "there is no arm c"),
        ({"baseline": {"b": "b2"}}, "there is no arm b2"),
        ({"baseline": {"": "b"}}, "a is compared with nothing"),
        ({"arms": {"a": {}, "b": {}, "c": {}}, "baseline": {"b": "a"}}, "c is compared with noth"),
        ({"arms": {}}, "there are no arms"),
        ({"arms": ["a"]}, "arms = ['a']: must hold named values"),
        ({"arms": {"a": None, "b": 3}}, "arms.b = 3: must hold named values"),
        ({"grid": {"dataset": "mnist"}}, "grid.dataset = mnist: must be a list"),
        ({"base": {"seed": 3}}, "seed is set by the study"),
        ({"every": "embeddings"}, "there is no group embeddings (did you mean embedding?)"),
        ({"every": "embedding", "without": {"pegg": "x"}}, "there is no embedding pegg"),
        ({"every": "embedding", "arms": {"peg": {}}, "baseline": "none"}, "arms.peg: `every` has"),
        ({"without": {"peg": "x"}}, "without.peg: nothing to leave it out of"),
        ({"metric": "accuracy"}, "metric = accuracy: must be like test/accuracy"),
        ({"metric": "test/accuracy@48"}, "then.image_size has no 48"),
        ({"probes": ["shufle"]}, "there is no probe shufle (did you mean shuffle?)"),
        ({"probes": "shuffle"}, "probes = shuffle: must be a list"),
        ({"metric": "probe/shuffle/drop"}, "probes has no shuffle"),
        ({"then": {"image_size": [0]}}, "then.image_size = 0: must be pixels"),
        ({"then": {"imagesize": [3]}}, "there is no key then.imagesize"),
        ({"then": {"split": "tests"}}, "there is no split tests (did you mean test?)"),
    ],
)
def test_says_what_is_wrong_in_a_file(changes: dict[str, Any], said: str) -> None:
    """Before anything is composed."""
    assert said in complaint(lambda: made(**changes))


def test_says_all_that_is_wrong_at_once() -> None:
    """Not only the first mistake."""
    said = complaint(lambda: made(seeds=0, metric="x", baseline="c", then={"split": "y"}))

    assert all(word in said for word in ("seeds", "metric", "no arm c", "no split y"))


def test_says_which_arm_is_wrong() -> None:
    """With what is wrong in it; what is wrong in all arms is said once, and of none."""
    arms = {
        "a": {"embedding": "none"},
        "b": {"embedding": "learned1d", "embedding.learned1d.theta": 3},
    }
    one = complaint(lambda: plan(made(arms=arms), {}))
    both = complaint(lambda: plan(made(), {"training.lr": "-1"}))

    assert one.startswith("b: unknown key embedding.learned1d.theta")
    assert both.startswith("training.lr = -1.0: must be above 0")
    assert len(both.splitlines()) == 1


def test_arms_that_are_the_same_run_are_a_mistake() -> None:
    """Also if an override made them so."""
    arms = {"a": {"training.lr": 0.1}, "b": {"training.lr": 0.2}}

    assert "a and b are the same run" in complaint(
        lambda: plan(made(arms=arms), {"training.lr": "0.3"})
    )


def test_sizes_to_evaluate_fit_the_patches() -> None:
    """What `vitpos eval` would refuse is refused now."""
    found = made(then={"image_size": [28, 30]})

    assert "then.image_size = 30: not a multiple of patches of 7" in complaint(
        lambda: plan(found, {})
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which study?"),
        (["study=schh"], "there is no study schh"),
        (["study=schh2024", "seeds=0"], "seeds = 0: must be at least 1"),
        (["study=schh2024", "seeds=x"], "seeds = x: must be a whole number"),
        (["study=schh2024", "seed=1"], "seed is set by the study"),
        (["study=schh2024", "name=x"], "name is set by the study"),
        (["schh2024"], "'schh2024' is not KEY=VALUE"),
    ],
)
def test_says_what_is_wrong_with_the_words(words: list[str], said: str) -> None:
    """Of the command line."""
    assert said in complaint(lambda: planned(words))


def test_a_damaged_file_is_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line of the mistake, and exit code 2."""
    path = tmp_path / "odd.yaml"
    path.write_text("question: a\nquestion: b\n")
    monkeypatch.setattr(studies, "path", lambda name: path)

    assert f"{path}:2:1: question occurs twice" in complaint(lambda: studies.read("odd", {}))


def test_nothing_heavy_is_loaded_to_read_a_study() -> None:
    """Neither torch nor Hydra."""
    words = (
        "import sys; from vitpos.sweeps import plan, progress, studies;"
        "studies.read('schh2024', {});"
        "print({'torch', 'hydra'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


@pytest.fixture
def small(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan of two arms and two seeds in a folder of its own, and the study of that name."""
    found = made(then={"image_size": [35]})
    monkeypatch.setattr(studies, "path", studies.Path)
    monkeypatch.setattr("vitpos.sweeps.plan.read", lambda name, asked: found)
    return planned(["study=made", f"outputs={tmp_path}"])


def sweep(capsys: Any, tmp_path: Any, *options: str) -> list[str]:
    """What `vitpos sweep` says."""
    code, said, errors = call(capsys, "sweep", "study=made", f"outputs={tmp_path}", *options)

    assert (code, errors) == (0, "")
    return said.splitlines()


def test_a_dry_run_tells_what_would_run_and_what_is_there(
    small: Plan, capsys: Any, tmp_path: Any
) -> None:
    """Question, arms with their size, and how many of them are finished, wherever they lie."""
    folder(tmp_path, "dataset=mnist5k", "training=smoke", "embedding=none", study="elsewhere")
    said = sweep(capsys, tmp_path, "--dry-run")

    assert said[0] == "made: Which?"
    assert "2 arms x 2 seeds = 4 runs" in said
    assert f"finished: 1 in {tmp_path}/elsewhere" in said
    assert any(line.split()[:4] == ["b", "204", "k"] or line.startswith("b ") for line in said)


@pytest.mark.parametrize("dataset", ["cifar10", "mnist5k"])
def test_an_axis_is_narrowed_to_what_is_asked_of_it(dataset: str) -> None:
    """All arms once, by that name; one that the file has has the same runs as there."""
    narrow = planned(["study=schh2024", f"dataset={dataset}"])
    whole = {member.identity for member in planned(["study=schh2024"]).members}
    arms = {member.arm.name for member in narrow.members}

    assert arms == {
        f"{dataset}-{arm}" for arm in ("none", "learned", "sines", "relative", "rotary")
    }
    assert {m.arm.baseline for m in narrow.members} == {None, f"{dataset}-none"}
    assert ({m.identity for m in narrow.members} <= whole) == (dataset == "cifar10")


def test_a_dry_run_tells_what_was_asked_of_all_runs(
    small: Plan, capsys: Any, tmp_path: Any
) -> None:
    """What was typed stands in the place of what the file has."""
    said = sweep(capsys, tmp_path, "--dry-run", "dataset=mnist5k", "training=quick", "seeds=1")
    [shared] = [line for line in said if line.startswith("all runs:")]

    assert "training=quick" in shared
    assert "training=smoke" not in " ".join(said)
    assert "2 arms x 1 seed = 2 runs" in said


def test_commands_can_be_typed_into_a_shell(small: Plan, capsys: Any, tmp_path: Any) -> None:
    """A line for each member; that of a finished one is a comment, a broken one is resumed."""
    words = ("dataset=mnist5k", "training=smoke")
    finished = folder(tmp_path, *words, "embedding=none")
    (finished / "evaluations.jsonl").write_bytes(b"".join([row_of("mnist5k", "test", 35)]))
    broken = folder(tmp_path, *words, "embedding=learned1d", status="interrupted")
    lines = sweep(capsys, tmp_path, "--commands")

    assert lines[0].startswith("# vitpos train ")
    assert lines[1] == f"vitpos resume {broken} && vitpos eval {broken} image_size=35"
    assert lines[2].startswith("vitpos train dataset=mnist5k training=smoke embedding=none ")
    assert lines[2].endswith(f"vitpos eval {run_place(small, 2)} image_size=35")
    assert len(lines) == 4


def test_commands_trust_who_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that the sweep was told of is told to each of its processes."""
    monkeypatch.setattr("vitpos.plugins.TRUSTED", {"theirs": tmp_path})

    assert progress.typed(["resume", "a b"]) == "vitpos resume 'a b' --plugin theirs"


def row_of(dataset: str, split: str, size: int) -> bytes:
    """A line of evaluations.jsonl."""
    from vitpos import seals

    return seals.line({"dataset": dataset, "split": split, "image_size": size, "accuracy": 0.5})


def run_place(found: Plan, number: int) -> Any:
    """Where a member goes."""
    from vitpos.runs import place

    return place(found.members[number].run)
