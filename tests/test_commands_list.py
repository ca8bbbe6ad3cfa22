"""`vitpos list` tells what the files in `configs/` say, and which runs there are."""

import json
from pathlib import Path

import pytest
import yaml
from run_folders import call, folder

from vitpos import catalogue, config

FILES = sorted(config.folder().glob("*/*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_file_is_described(path):
    """The first comment line of each file is its description."""
    entry = catalogue.read(path)

    assert path.read_text().startswith(f"# {entry.description}\n")
    assert 10 < len(entry.description) <= 100


@pytest.mark.parametrize(("word", "group"), catalogue.GROUPS.items())
def test_lists_every_file_of_a_group(capsys, word, group):
    """A group's list names each of its files, for people and for programs."""
    names = sorted(path.stem for path in FILES if path.parent.name == group)
    code, text, _ = call(capsys, "list", word)
    _, listed, _ = call(capsys, "list", word, "--json")

    assert code == 0
    assert [entry["name"] for entry in json.loads(listed)] == names
    assert sorted(line.split()[0] for line in text.splitlines() if starts(line, word)) == names


def starts(line, word):
    """Whether an entry begins here: embeddings stand below the names of their families."""
    indent = 2 if word == "embeddings" else 0
    return len(line) - len(line.lstrip()) == indent and line.strip()


@pytest.mark.parametrize("columns", [40, 80, 120, 200, 500])
def test_embeddings_are_readable_in_any_terminal(capsys, monkeypatch, columns):
    """Lines fit; each embedding stands in its family with where it acts, its size and its rule."""
    monkeypatch.setenv("COLUMNS", str(columns))
    _, text, _ = call(capsys, "list", "embeddings")
    flat = " ".join(text.split())

    wide = [line for line in text.splitlines() if len(line) > min(200, max(60, columns))]
    assert [line for line in wide if len(line.split()) > 1] == []  # addresses are not broken
    assert text.splitlines()[0] == "none:"
    for entry in catalogue.entries("embedding"):
        assert f"{entry.name} {entry.description}" in flat
        assert entry.paper in flat
        assert str(entry.new_grid or "any") in flat
        assert entry.facts.get("acts", "") in flat


@pytest.mark.parametrize("columns", [60, 100])
def test_studies_are_readable_in_any_terminal(capsys, monkeypatch, columns):
    """Lines fit, and nothing of a question or its source is lost."""
    monkeypatch.setenv("COLUMNS", str(columns))
    _, text, _ = call(capsys, "list", "studies")
    flat = " ".join(text.split())

    wide = [line for line in text.splitlines() if len(line) > columns]
    assert [line for line in wide if len(line.split()) > 1] == []
    for entry in catalogue.entries("study"):
        assert f"{entry.name} {entry.description} {entry.known_as} {entry.paper}" in flat


def test_tells_who_thought_of_an_embedding(capsys):
    """Paper, the field's name and the rule for a new grid, as the YAML has them."""
    _, listed, _ = call(capsys, "list", "embeddings", "--json")
    found = {entry["name"]: entry for entry in json.loads(listed)}

    assert "arXiv 2403.13298" in found["rope2d"]["paper"]
    assert found["learned1d"]["known_as"].startswith("1-D learned position embedding, APE")
    assert found["learned1d"]["new_grid"] == "bicubic"
    assert found["rope2d"]["new_grid"] == "extrapolate"
    assert found["none"]["new_grid"] is None
    assert (found["none"]["family"], found["none"]["parameters"]) == ("none", 0)
    assert found["rope2d"]["options"]["theta"] == 100.0


def test_counts_what_there_is(capsys, tmp_path, monkeypatch):
    """Without a group: how many there are of each, and of runs."""
    folder(tmp_path / "outputs", "training=smoke")
    monkeypatch.chdir(tmp_path)
    _, said, _ = call(capsys, "list", "--json")
    counts = json.loads(said)

    assert counts["runs"] == 1
    assert counts["datasets"] == len([p for p in FILES if p.parent.name == "dataset"])


@pytest.mark.parametrize(
    ("word", "hint"), [("embedings", "embeddings"), ("rnus", "runs"), ("zzz", "one of embeddings")]
)
def test_names_the_nearest_group(capsys, word, hint):
    """A misspelt group is a usage error that says what was meant."""
    code, _, errors = call(capsys, "list", word)

    assert code == 2
    assert hint in errors


def test_only_runs_have_a_place(capsys, tmp_path):
    """A folder after another group is an error and not ignored."""
    code, _, errors = call(capsys, "list", "datasets", tmp_path)

    assert code == 2
    assert "only runs" in errors


def test_lists_runs_as_they_ended(capsys, tmp_path):
    """Each run once, the newest last, with status and test accuracy."""
    folder(tmp_path, "training=smoke", seed=1, created="2026-11-22 05:00:00 UTC", accuracy=0.75)
    folder(tmp_path, "training=smoke", study="other", status="diverged")
    code, said, _ = call(capsys, "list", "runs", tmp_path)
    _, listed, _ = call(capsys, "list", "runs", tmp_path, "--json")

    assert code == 0
    assert [line.split()[:2] for line in said.splitlines()][1] == ["finished", "75.00%"]
    assert [(r["status"], r["seed"], r["test/accuracy"]) for r in json.loads(listed)] == [
        ("diverged", 0, None),
        ("finished", 1, 0.75),
    ]


def test_no_runs_are_said_so(capsys, tmp_path):
    """An empty folder is no error, one that is not there is."""
    code, said, _ = call(capsys, "list", "runs", tmp_path)
    missing, _, errors = call(capsys, "list", "runs", tmp_path / "not")

    assert (code, said) == (0, f"no runs in {tmp_path}\n")
    assert missing == 4
    assert "is not there" in errors


def test_broken_yaml_is_told_with_its_file(tmp_path, monkeypatch):
    """A config that is no YAML is named."""
    path = tmp_path / "bad.yaml"
    path.write_text("# bad\na: [1")

    with pytest.raises(catalogue.BadInput, match=str(path)):
        catalogue.read(path)


def test_defaults_are_those_of_the_file():
    """The choices and values of `train.yaml`, read without Hydra."""
    written = yaml.safe_load((config.folder() / "train.yaml").read_text())
    found = catalogue.defaults()

    assert found["embedding"] == "rope2d"
    assert found["seed"] == written["seed"]
    assert catalogue.outputs() == Path("outputs")
