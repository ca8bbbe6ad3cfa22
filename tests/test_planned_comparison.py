"""A comparison of a planned study says what was planned, what came of it, and where it differs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_folders import folder, put
from small_studies import BODY

from vitpos import durable
from vitpos.comparing.answer import Answer, Row
from vitpos.comparing.comparison import Asked, compare
from vitpos.errors import BadInput, BadRun
from vitpos.runs import RunFolder
from vitpos.sweeps import frozen, studies
from vitpos.sweeps.plan import Plan, plan

LATER = "2100-01-01 00:00:00 UTC"  # than any plan of these tests was frozen


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that need not outlive a power cut."""
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)


def planned(outputs: Path, **changes: Any) -> Plan:
    """A frozen study of `none` and `learned1d` that lies in `outputs/made`."""
    study = studies.study("made", BODY | {"seeds": 3} | changes, pytest.fail)
    assert study is not None
    found = plan(study, {"outputs": str(outputs)})
    frozen.freeze(found)
    return found


def run_all(found: Plan, *left_out: str, **facts: Any) -> dict[str, Path]:
    """All its runs but some, by `arm-seed`; b is the better arm."""
    paths = {}
    for member in found.members:
        name = f"{member.arm.name}-{member.seed}"
        if name not in left_out:
            accuracy = 0.5 + member.seed / 1000 + 0.1 * member.arm.name.endswith("b")
            words = {"accuracy": accuracy, "created": LATER} | facts
            paths[name] = put(member.run, member.words, **words)
    return paths


def asked(path: Path, **words: Any) -> Answer:
    """What is found there."""
    return compare([path], Asked(**words))


def rows(found: Answer) -> dict[str, Row]:
    """By label."""
    return {row.label: row for row in found.rows}


def test_a_plan_says_what_is_asked(tmp_path):
    """Question, metric, alpha, looks and baseline are those of the plan; nothing is exploratory."""
    found = planned(tmp_path, metric="val/accuracy", alpha=0.1, smallest_effect=0.02, looks=2)
    run_all(found)
    answer = asked(tmp_path / "made")

    assert (answer.question, answer.metric, answer.direction) == ("Which?", "val/accuracy", "up")
    assert (answer.alpha, answer.smallest_effect) == (0.1, 0.02)
    assert (answer.looks, answer.looked) == (2, 1)
    assert answer.plan == frozen.digest(found)
    assert (answer.deviations, answer.warnings, answer.notes) == ((), (), ())
    assert not answer.is_exploratory
    assert {row.label: row.baseline for row in answer.rows} == {"a": None, "b": "a"}


def test_planned_seeds_without_a_run_are_missing(tmp_path):
    """The pair of a missing run is missing, and no other; an arm that never began is a row."""
    arms = BODY["arms"] | {"c": {"embedding": "sincos1d"}}
    found = planned(tmp_path, arms=arms, seeds=4)
    run_all(found, "b-1", "c-0", "c-1", "c-2", "c-3")
    answer = asked(tmp_path / "made")
    b, c = rows(answer)["b"], rows(answer)["c"]

    assert b.lost == {"missing": (1,)}
    assert b.difference is not None
    assert b.difference.seeds == (0, 2, 3)
    assert (c.values, c.lost) == ({}, {"missing": (0, 1, 2, 3)})
    assert "a 1 (not b)" in " ".join(answer.notes)


def test_runs_are_found_wherever_they_lie(tmp_path):
    """A planned run elsewhere counts, by its identity; a damaged one is known by its name."""
    found = planned(tmp_path)
    paths = run_all(found)
    elsewhere = tmp_path / "other" / "mine"
    elsewhere.parent.mkdir()
    paths["b-0"].rename(elsewhere)
    for name in ("record.json", "config.yaml"):
        (paths["b-1"] / name).write_text("")
    b = rows(asked(tmp_path / "made"))["b"]

    assert sorted(b.values) == [0, 2]
    assert b.lost == {"damaged": (1,)}
    assert elsewhere in {run.path for run in b.runs}


def test_the_newest_plan_counts_unless_one_is_named(tmp_path):
    """Runs of the other plan are left out with a note."""
    first = planned(tmp_path, seeds=3)
    run_all(first)
    old = frozen.plans(tmp_path / "made")[0]
    second = planned(tmp_path, seeds=2)
    newest, named = asked(tmp_path / "made"), asked(old)

    assert (newest.plan, named.plan) == (frozen.digest(second), frozen.digest(first))
    assert [len(row.values) for row in newest.rows] == [2, 2]
    assert [len(row.values) for row in named.rows] == [3, 3]
    assert newest.deviations == ()
    assert "2 runs of another plan" in newest.notes[0]


def test_a_damaged_plan_is_an_error(tmp_path):
    """It is not what was frozen, so nothing can be said to be as planned."""
    run_all(planned(tmp_path))
    (path,) = frozen.plans(tmp_path / "made")
    path.write_text(path.read_text().replace('"alpha": 0.05', '"alpha": 0.5'))
    with pytest.raises(BadRun, match="not what was written"):
        asked(tmp_path / "made")
    data = json.loads(path.read_text())  # also where somebody made the check sum anew
    durable.write_json(path, data)
    with pytest.raises(BadRun, match="not what was frozen"):
        asked(tmp_path / "made")


def test_a_plan_among_all_runs_is_named(tmp_path):
    """It counts only where its study is asked for, and the note says how."""
    run_all(planned(tmp_path))
    found, study = asked(tmp_path), tmp_path / "made"

    assert found.plan == ""
    assert [n for n in found.notes if n.endswith(f"vitpos compare {study}")]
    assert not [n for n in asked(study).notes if "vitpos compare" in n]


def test_what_was_not_planned_is_shown_and_said(tmp_path):
    """Another arm has a row without a comparison, another seed counts; both are deviations."""
    found = planned(tmp_path)
    run_all(found)
    before = rows(asked(tmp_path / "made"))
    folder(tmp_path, "training=smoke", "embedding=sincos1d", study="made", accuracy=0.9)
    answer = asked(tmp_path / "made")

    assert answer.deviations == ("1 arm not in the plan: mnist5k-sincos1d",)
    assert rows(answer)["b"].difference == before["b"].difference
    assert rows(answer)["mnist5k-sincos1d"].difference is None
    words = [word for word in found.members[0].words if not word.startswith("seed=")]
    folder(tmp_path, *words, seed=7, study="made")
    again = asked(tmp_path / "made")

    assert sorted(rows(again)["a"].values) == [0, 1, 2, 7]
    assert "more seeds than planned: a" in again.deviations


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"metric": "val/accuracy"}, "metric val/accuracy, planned test/accuracy"),
        ({"metric": "val/accuracy", "at": "epoch=2"}, "at epoch=2, planned at the end"),
        ({"baseline": "b"}, "another baseline than planned"),
        ({"where": ["seed<2"]}, "only runs with seed<2"),
        ({"where": ["arm=a"]}, "1 of 1 planned comparison left out"),
        ({"group_by": ["embedding"]}, "1 of 1 planned comparison left out"),
    ],
)
def test_other_questions_are_deviations(tmp_path, words, says):
    """A table that was not planned says so."""
    run_all(planned(tmp_path))
    answer = asked(tmp_path / "made", **words)

    assert says in answer.deviations
    assert answer.is_exploratory


def test_missing_seeds_are_chosen_like_runs(tmp_path):
    """Conditions hold or not for what is planned, too."""
    run_all(planned(tmp_path), "b-2")
    answer = asked(tmp_path / "made", where=["embedding=learned1d", "seed>0"])

    assert {row.label: (sorted(row.values), row.lost) for row in answer.rows} == {
        "b": ([1], {"missing": (2,)})
    }


def test_a_grid_has_a_comparison_in_each_condition(tmp_path):
    """Arms that share a baseline are one condition, corrected together with all others."""
    found = planned(tmp_path, grid={"patch.size": [4, 7]}, seeds=3)
    run_all(found)
    answer = asked(tmp_path / "made")
    one = rows(answer)["size7-b"].difference

    assert {row.label: (row.condition, row.baseline) for row in answer.rows} == {
        "size4-a": ("size4", None),
        "size4-b": ("size4", "size4-a"),
        "size7-a": ("size7", None),
        "size7-b": ("size7", "size7-a"),
    }
    assert one is not None
    assert one.p == one.holm == 0 or one.holm == pytest.approx(2 * one.p)


def test_epochs_may_be_what_a_plan_is_about(tmp_path):
    """They are not refused; other images of one data set are."""
    found = planned(tmp_path)
    paths = run_all(found, "b-0")
    b = next(m for m in found.members if (m.arm.name, m.seed) == ("b", 0))
    put(b.run, epochs=2, created=LATER)

    assert asked(tmp_path / "made").warnings == ()
    other = RunFolder(paths["b-1"])
    other.update(data=other.record()["data"] | {"digest": "e" * 64})
    with pytest.raises(BadInput, match="differ in data"):
        asked(tmp_path / "made")


def test_a_table_is_a_look(tmp_path):
    """The same values again are not another one, more runs are; of more than declared is warned."""
    found = planned(tmp_path)
    run_all(found, "b-2")
    first, same = asked(tmp_path / "made"), asked(tmp_path / "made")
    shown = asked(tmp_path / "made", where=["seed<1"])
    other = asked(tmp_path / "made", metric="val/accuracy")
    last = next(m for m in found.members if (m.arm.name, m.seed) == ("b", 2))
    put(last.run, created=LATER)
    second = asked(tmp_path / "made")
    silent = asked(tmp_path / "made", is_look=False)

    assert [a.looked for a in (first, same, shown, other, second, silent)] == [1, 1, 1, 1, 2, 0]
    assert "look 2 of 1 declared" in second.warnings[0]
    assert (first.is_exploratory, second.is_exploratory) == (False, True)


def test_looks_go_on_when_seeds_are_added(tmp_path):
    """A longer plan of the same runs was looked at as often; alpha is shared by its looks."""
    run_all(planned(tmp_path, looks=2, seeds=3))
    asked(tmp_path / "made")
    longer = planned(tmp_path, looks=2, seeds=4)
    run_all(longer, *(f"{arm}-{seed}" for arm in "ab" for seed in range(3)))
    answer = asked(tmp_path / "made")

    assert answer.plan == frozen.digest(longer)
    assert (answer.looked, answer.looks) == (2, 2)


def test_before_the_first_run_there_is_nothing_to_look_at(tmp_path):
    """Tables of studies that have no result yet are free."""
    found = planned(tmp_path)
    put(found.members[0].run, status="failed", created=LATER)

    assert asked(tmp_path / "made").looked == 0
    assert not (tmp_path / "made" / "looks.jsonl").exists()


@pytest.mark.parametrize("content", ["{]\n{}\n", None])
def test_looks_that_cannot_be_counted_are_a_note(tmp_path, monkeypatch, content):
    """A damaged file, or a folder that cannot be written; the table is there all the same."""
    run_all(planned(tmp_path))
    looks = tmp_path / "made" / "looks.jsonl"
    if content is None:
        looks.mkdir()
    else:
        looks.write_text(content)
    answer = asked(tmp_path / "made")

    assert len(answer.rows) == 2
    assert "looks.jsonl" in " ".join(answer.notes)


def test_a_plan_made_after_its_results_is_no_plan(tmp_path):
    """Judged by another metric than before, or never planned: then the results were known."""
    first = planned(tmp_path)
    run_all(first, created="2000-01-01 00:00:00 UTC")
    late = asked(tmp_path / "made").deviations
    path = frozen.plans(tmp_path / "made")[0]
    durable.write_json(path, durable.read_json(path) | {"created": "1999"})
    planned(tmp_path, seeds=2)
    longer = asked(tmp_path / "made").deviations
    planned(tmp_path, metric="test/loss", direction="down")
    other = asked(tmp_path / "made").deviations

    assert late == other == ("results were there before the plan: b",)
    assert longer == ()


def test_a_tuned_plan_says_so(tmp_path):
    """How many trials each arm had, what was chosen, and whether it lay at the edge."""
    plan = planned(tmp_path)
    run_all(plan)
    (path,) = frozen.plans(tmp_path / "made")
    chosen = {"a": {"training.lr": 0.001, "edge": False}, "b": {"training.lr": 0.01, "edge": True}}
    tuned = {"trials": 5, "grid": {"training.lr": [0.001, 0.01]}, "chosen": chosen}
    before = asked(path)
    after = asked(frozen.freeze(replace(plan, study=replace(plan.study, tuned=tuned))))

    assert (before.recipe, after.recipe) == ("fixed recipe", "tuned, 5 trials per arm")
    assert {row.label: row.recipe for row in before.rows} == {"a": "", "b": ""}
    assert {row.label: row.recipe for row in after.rows} == {
        "a": "training.lr=0.001",
        "b": "training.lr=0.01, at the edge of the grid",
    }


def test_a_study_that_moved_is_still_one(tmp_path):
    """The folder holds all that is needed."""
    run_all(planned(tmp_path / "there"))
    shutil.move(tmp_path / "there" / "made", tmp_path / "here")

    assert [len(row.values) for row in asked(tmp_path / "here").rows] == [3, 3]
