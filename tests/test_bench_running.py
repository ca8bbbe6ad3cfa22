"""A bench keeps what it found, says on what it was measured, and judges goals by it."""

import json
from dataclasses import replace

import pytest

from vitpos.bench import goals, peers, running, step
from vitpos.bench.asked import Asked
from vitpos.bench.judging import absent
from vitpos.durable import read_json


@pytest.fixture(autouse=True)
def _commit(monkeypatch):
    """No question to git."""
    monkeypatch.setattr("vitpos.machine.commit", lambda: "0123456789ab")


class Silent:
    """Nobody watches."""

    def say(self, text):
        """Nothing."""

    note = say

    def done(self, name, part):
        """Nothing."""


def test_every_part_is_kept_as_it_ends(monkeypatch, tmp_path):
    """In the file and in the cache; other parts of the file stay; what breaks is told."""
    file = tmp_path / "deep" / "bench.json"
    seen = []

    def tables(maker):
        yield absent("first", "not here")
        seen.append(json.loads(file.read_text())["parts"]["step"]["state"])
        raise RuntimeError("no memory\nat all")

    monkeypatch.setattr(step, "tables", tables)
    monkeypatch.setattr(peers, "tables", lambda maker: iter([absent("peers", "not here")]))
    asked = Asked(device="cpu")
    running.bench(["step"], asked, Silent(), path=file)
    found = running.bench(["peers"], asked, Silent(), path=file)

    assert seen == ["under way"]
    assert read_json(file) == json.loads(json.dumps(found))
    assert found["parts"]["step"]["why"] == "RuntimeError: no memory"
    assert not running.is_sure(found, ["step"])
    assert running.is_sure(found, ["peers"])


def test_record_says_on_what_it_was_measured(monkeypatch, tmp_path):
    """Machine, versions, commit, load, command; no host and no path."""
    monkeypatch.setattr(peers, "tables", lambda maker: iter([absent("peers", "not here")]))
    asked = Asked(device="cpu", words=("backbone.depth=2",), quick=True)
    found = running.bench(["peers"], asked, Silent(), path=tmp_path / "bench.json")
    part = found["parts"]["peers"]
    where = part["circumstances"]

    assert where["command"] == "vitpos bench peers --device=cpu --quick backbone.depth=2"
    assert where["commit"] == "0123456789ab"
    assert where["versions"]["torch"]
    assert len(part["load_before"]) == len(part["load_after"]) == 3
    assert str(tmp_path) not in json.dumps(found)


def test_goals_need_what_they_are_about():
    """On a CPU those of a GPU are unknown, and so are all with another network."""
    part = {"tables": [], "asked": {"words": []}, "circumstances": {"device": "cpu"}}
    told = {(g["id"], g["why"]) for g in goals.judge({"step": part})}
    other = replace(Asked(), words=("backbone.depth=2",))
    small = {"step": part | {"asked": {"words": list(other.words)}}}

    assert ("G1", "needs a GPU") in told
    assert ("P9", "not measured: vitpos bench compile") in told
    assert ("P3", "another network was asked for") in {
        (g["id"], g["why"]) for g in goals.judge(small)
    }


@pytest.mark.parametrize(("ratio", "has", "reached", "said"), [
    (2.3, [], True, ""), (1.9, ["amx_bf16"], False, ""), (1.9, [], False, "matrix units"),
])  # fmt: skip
def test_goals_are_judged_by_medians(ratio, has, reached, said):
    """What was found, whether it is enough, and what the processor lacks."""
    row = {"name": "vitpos", "state": "measured", "why": "", "ratio": {"median": ratio}}
    table = {"table": "peers, cifar, batch 128", "clock": "wall", "rows": [row]}
    where = {"device": "cpu", "extensions": has}
    part = {"tables": [table], "asked": {"words": []}, "circumstances": where}
    first = goals.judge({"peers": part})[0]

    assert (first["id"], first["found"], first["reached"]) == ("P1", ratio, reached)
    assert said in first["why"]


@pytest.mark.parametrize(("share", "reached"), [(0.4, True), (0.2, False), (1.8, None)])
def test_no_step_is_faster_than_a_matrix_product(share, reached):
    """A share above one is the probe's fault, and no goal is reached by it."""
    row = {"name": "vitpos", "state": "measured", "why": "", "precision": "bf16"}
    row |= {"of_bf16_ceiling": {"median": share}}
    table = {"table": "step, cifar, batch 128", "clock": "wall", "rows": [row]}
    where = {"device": "cpu", "extensions": []}
    part = {"tables": [table], "asked": {"words": []}, "circumstances": where}
    found = next(goal for goal in goals.judge({"step": part}) if goal["id"] == "P2")

    assert found["reached"] is reached
