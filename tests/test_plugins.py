"""A package of somebody else's brings strategies, once it is trusted by name."""

import json
import re
import sys
from pathlib import Path

import pytest
from contracts import contract, failures
from run_folders import call

from vitpos import completion, config, plugins
from vitpos.errors import BadInput

README = Path(__file__).parents[1] / "README.md"
TRAIN = ("train", "training=smoke", "--quiet", "device=cpu")
PLUGIN = ("--plugin", "my_package")
STUDY = """\
# Rows alone
question: Do rows alone help?
source: nobody
base: {dataset: mnist5k, training: smoke}
arms:
  none: {embedding: none}
  ours: {embedding: rows_apart}
baseline: none
seeds: 1
metric: test/accuracy
direction: up
alpha: 0.05
smallest_effect: 0.005
looks: 1
"""


def blocks():
    """The class and the file of the README's example."""
    found = re.search(
        r"```python\n# my_package/rows\.py\n(.*?)```\n.*?```yaml\n(.*?)```",
        README.read_text(),
        re.DOTALL,
    )
    return found[1], found[2]


def write(folder):
    """The README's example, as it says."""
    code, file = blocks()
    configs = folder / "my_package" / "configs" / "embedding"
    configs.mkdir(parents=True)
    (folder / "my_package" / "__init__.py").touch()
    (folder / "my_package" / "rows.py").write_text(code)
    (configs / "rows_apart.yaml").write_text(file)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder in which the package lies; nobody trusts it, nothing of it is imported."""
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugins, "TRUSTED", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "my_package"
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def test_the_example_is_short():
    """A strategy costs a class and a file of about twenty lines."""
    code, file = blocks()

    assert len(f"{code}{file}".splitlines()) <= 26


def test_is_listed_only_when_it_is_trusted(capsys, package):
    """Without `--plugin` its names are unknown to lists, to Tab and to overrides."""
    _, before, _ = call(capsys, "list", "embeddings", "--json")
    code, _, unknown = call(capsys, *TRAIN, "embedding=rows_apart")
    _, after, _ = call(capsys, "list", "embeddings", "--json", *PLUGIN)
    names, more = ({entry["name"] for entry in json.loads(text)} for text in (before, after))

    assert code == 2
    assert "no such embedding" in unknown
    assert more - names == {"rows_apart"}
    assert not any(name.startswith("my_package") for name in sys.modules)


def test_tab_knows_it_once_the_line_names_it(monkeypatch, package):
    """Names and keys of its strategies are completed after `--plugin`, not before."""
    monkeypatch.setenv("_VITPOS_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "vitpos train")
    without = completion.overrides("embedding=rows")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "vitpos train --plugin my_package")
    told = completion.overrides("embedding=rows")
    monkeypatch.setenv(
        "_TYPER_COMPLETE_ARGS", "vitpos train --plugin=my_package embedding=rows_apart"
    )

    assert (without, told) == ([], ["embedding=rows_apart"])
    assert completion.overrides("embedding.rows_apart.sl") == [
        "embedding.rows_apart.slope=",
        "embedding.rows_apart.slope=0.5",
    ]


def test_is_explained(capsys, package):
    """With options and picture, alone and beside one of ours."""
    code, said, _ = call(capsys, "explain", "rows_apart", *PLUGIN)
    _, both, _ = call(capsys, "explain", "embedding=rows_apart+rope2d", "--json", *PLUGIN)
    first, second = json.loads(both)["strategies"]

    assert code == 0
    assert "slope = 0.5" in said
    assert "what the middle cell sees" in said
    assert first["picture"]["maps"][0][0][0] == first["picture"]["maps"][0][0][1] < 0
    assert (first["name"], second["name"]) == ("rows_apart", "rope2d")


def test_trains_goes_on_and_is_evaluated(capsys, package):
    """A run says which package it needs, and without it what to type."""
    _, folder, _ = call(capsys, *TRAIN, "embedding=rows_apart+rope2d", *PLUGIN)
    folder = Path(folder.strip())
    record = json.loads((folder / "record.json").read_text())
    _, row, _ = call(capsys, "eval", folder, "--json", *PLUGIN)
    plugins.TRUSTED.clear()
    (folder / "summary.json").unlink()
    again = [call(capsys, command, folder) for command in ("resume", "eval")]

    assert re.fullmatch(r"0 [0-9a-f]{16}", record["plugins"]["my_package"])
    assert json.loads(row)["split"] == "test"
    for (code, _, errors), wanted in zip(again, (4, 2), strict=True):
        assert code == wanted
        assert "my_package.rows.RowsApart, of a package that is not trusted" in errors
        assert "hint: if it is yours or you know its code: --plugin my_package" in errors
    code, _, _ = call(capsys, "resume", folder, "--quiet", *PLUGIN)
    assert code == 0


def test_tells_that_its_code_has_changed(capsys, package):
    """A run that goes on with other code of the plugin says so."""
    _, folder, _ = call(capsys, *TRAIN, "embedding=rows_apart", *PLUGIN)
    folder = Path(folder.strip())
    (folder / "summary.json").unlink()
    (package / "rows.py").write_text((package / "rows.py").read_text() + "\n\n# another thought\n")
    _, _, errors = call(capsys, "resume", folder, "--quiet", *PLUGIN)

    assert "not the same bits as without the break: other plugin my_package" in errors


@pytest.mark.slow
def test_keeps_the_contract(package):
    """The README's example passes, typed as the README says."""
    code, text = contract(package.parent, "--embedding=rows_apart", *PLUGIN)

    assert code == 0, text
    assert not failures(text)
    assert " passed" in text


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [
        ("nowhere", "plugin nowhere: there is no such package", "install it"),
        ("my-package", "plugin my-package: not the name of a package", "--plugin my_package"),
        ("my_package.rows", "not the name of a package", "--plugin my_package"),
        ("..", "not the name of a package", ""),
        ("./my_package/", "not the name of a package", "--plugin my_package"),
        ("json", "json: it has no configs/embedding/*.yaml or configs/study/*.yaml inside", ""),
    ],
)
def test_says_which_package_cannot_be_trusted(capsys, package, name, error, hint):
    """One line, before anything else happens."""
    code, said, errors = call(capsys, "list", "embeddings", "--plugin", name)

    assert (code, said) == (2, "")
    assert error in errors
    assert hint in errors


@pytest.mark.parametrize("words", [("--embedding=rows_apar", *PLUGIN), ("--plugin=nowhere",)])
def test_the_contract_of_nothing_is_refused_in_two_lines(package, words):
    """A misspelt name ends it before there are any tests."""
    code, text = contract(package.parent, *words)

    assert code != 0
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 2, text


def test_brings_studies(capsys, package):
    """A study of its own is listed and planned, and its commands trust the package."""
    path = package / "configs" / "study" / "rows.yaml"
    path.parent.mkdir()
    path.write_text(STUDY)
    _, unknown, _ = call(capsys, "list", "studies")
    code, lines, _ = call(capsys, "sweep", "study=rows", "--commands", *PLUGIN)
    _, known, _ = call(capsys, "list", "studies", *PLUGIN)

    assert (code, len(lines.splitlines())) == (0, 2)
    assert "embedding=rows_apart study=rows name=ours seed=0 --plugin my_package" in lines
    assert "Do rows alone help?" in known
    assert "Do rows alone help?" not in unknown


def test_a_name_is_nobodys_twice(capsys, package):
    """A plugin's strategy that is called like one of ours is an error, not a replacement."""
    path = package / "configs" / "embedding" / "rope2d.yaml"
    path.write_text("# another\nrope2d:\n  _target_: my_package.rows.RowsApart\n")
    code, _, errors = call(capsys, "list", "embeddings", *PLUGIN)

    assert code == 2
    assert "plugin my_package: there is another embedding rope2d" in errors
    assert f"rename {path}" in errors


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise RuntimeError('no\\nluck')", "importing my_package.rows failed: RuntimeError: no"),
        ("import nothing_of_this_name", "failed: ModuleNotFoundError: No module named"),
        ("def RowsApart(", "failed: SyntaxError"),
        ("RowsApart = print", "my_package.rows.RowsApart is not a PositionEmbedding"),
        ("", "my_package.rows.RowsApart is not a PositionEmbedding"),
    ],
)
def test_broken_code_is_told_in_a_line(capsys, package, code, error):
    """What goes wrong while it is imported names plugin and module."""
    (package / "rows.py").write_text(code)
    number, said, errors = call(capsys, "explain", "rows_apart", *PLUGIN)

    assert (number, said) == (2, "")
    assert error in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    ["rows_apart: [", "other:\n  _target_: my_package.rows.RowsApart", "rows_apart:\n  slope: 1"],
)
def test_a_broken_file_is_told_in_a_line(capsys, package, text):
    """A file that is no strategy's is named."""
    path = package / "configs" / "embedding" / "rows_apart.yaml"
    path.write_text(text)
    code, _, errors = call(capsys, "train", "--cfg", "embedding=rows_apart", *PLUGIN)

    assert code == 2
    assert str(path) in errors
    assert len(errors.splitlines()) == 1


def test_any_folder_will_do(tmp_path, monkeypatch):
    """Spaces, commas, quotes and letters in a path are no part of any grammar."""
    folder = tmp_path / "a b, ü' [c]=${d}"
    folder.mkdir()
    write(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(plugins, "TRUSTED", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    plugins.trust(["my_package"])

    run = config.compose(["embedding=rows_apart", "embedding.rows_apart.slope=2"])
    assert run.embedding["rows_apart"]["slope"] == 2.0
    with pytest.raises(BadInput, match="must be one of zero, learned"):
        config.compose(["embedding=rows_apart", "embedding.rows_apart.prefix=none"])
