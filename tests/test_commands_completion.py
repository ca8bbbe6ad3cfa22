"""Tab offers what fits, through the protocols by which the shells ask."""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from run_folders import folder

from vitpos import completion, config

ROOT = Path(__file__).parents[1]
EMBEDDINGS = config.options("embedding")


def rate(training):
    """The learning rate of a recipe, as its file has it."""
    path = config.folder() / "training" / f"{training}.yaml"
    return yaml.safe_load(path.read_text())["lr"]


def ask(**environment):
    """What `vitpos` answers a shell's script, line by line."""
    done = subprocess.run(
        [sys.executable, "-m", "vitpos"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def bash(*words):
    """As bash asks about the last of these words, into which it broke the line."""
    return ask(
        _VITPOS_COMPLETE="complete_bash",
        COMP_WORDS="\n".join(["vitpos", *words]),
        COMP_CWORD=str(len(words)),
    )


def zsh(line):
    """As zsh asks about a line up to the cursor."""
    return ask(_VITPOS_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)


def fish(line):
    """As fish asks about a line up to the cursor."""
    return ask(
        _VITPOS_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS=line,
    )


ROPES = [name for name in EMBEDDINGS if name.startswith("rope")]


def test_every_shell_completes_a_value():
    """Bash, which breaks words at `=`, wants what follows it; the others want the whole word."""
    assert bash("train", "embedding", "=", "rope") == ROPES
    assert fish("vitpos train embedding=rope") == [f"embedding={name}" for name in ROPES]
    assert [f'"embedding={name}"' in "".join(zsh("vitpos train embedding=rope")) for name in ROPES]


def test_completes_lists_and_names_of_studies():
    """Those before the last comma stay, and are not offered again."""
    assert fish("vitpos sweep embedding=none,rope") == [f"embedding=none,{n}" for n in ROPES]
    assert fish("vitpos sweep backbone=tiny,ti") == []
    assert fish("vitpos sweep study=schh") == ["study=schh2024"]


def test_bash_completes_after_the_equals_sign():
    """Where bash takes the `=` itself for the word, also in the middle of a line."""
    assert bash("train", "embedding", "=") == EMBEDDINGS
    assert (
        ask(
            _VITPOS_COMPLETE="complete_bash",
            COMP_WORDS="vitpos\ntrain\nembedding\n=\nseed\n=\n1",
            COMP_CWORD="3",
        )
        == EMBEDDINGS
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tra"], ["train"]),
        (["list", "e"], ["embeddings"]),
        (["data", "cifar"], ["cifar10", "cifar100"]),
        (["compare", "--format", "m"], ["markdown"]),
    ],
)
def test_completes_commands_and_their_words(words, expected):
    """Names of commands, groups, data sets and formats."""
    assert bash(*words) == expected


def complete(monkeypatch, line):
    """What is offered for the end of a line, as fish and zsh pass it on."""
    monkeypatch.setenv("_VITPOS_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"vitpos train {line}")
    return completion.overrides(line.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("training.l", ["training.limit=", "training.lr=", "training.label_smoothing="]),
        ("training.lr", ["training.lr=", f"training.lr={rate('quick')}"]),
        ("training=full training.lr", ["training.lr=", f"training.lr={rate('full')}"]),
        ("precision=b", ["precision=bf16"]),
        ("deterministic=", ["deterministic=false", "deterministic=true"]),
        ("device=c", ["device=cpu", "device=cuda"]),
        ("backbone.pool=", ["backbone.pool=mean", "backbone.pool=cls", "backbone.pool=attention"]),
        ("embedding=rope_mixed embedding.rope_mixed.t", None),
        ("embedding=alibi2d+rope_mixed embedding.rope_mixed.th", None),
        ("embedding.rope2d.new_grid=n", ["embedding.rope2d.new_grid=ntk"]),
        ("embedding=rope2d+levi", ["embedding=rope2d+levit_bias"]),
        ("embedding=[rope2d,levi", ["embedding=[rope2d,levit_bias"]),
        ("embedding.rope2d._", []),
        ("zzz", []),
        ("zzz=", []),
        ("patch.size=", []),
    ],
)
def test_completes_keys_and_values(monkeypatch, line, expected):
    """Keys of the chosen files, words that are allowed, else the default of the chosen file."""
    if expected is None:
        path = config.folder() / "embedding" / "rope_mixed.yaml"
        theta = yaml.safe_load(path.read_text())["rope_mixed"]["theta"]
        expected = ["embedding.rope_mixed.theta=", f"embedding.rope_mixed.theta={theta}"]

    assert complete(monkeypatch, line) == expected


def test_an_embedding_is_not_offered_twice(monkeypatch):
    """Of several, those that are there already are left out."""
    offered = complete(monkeypatch, "embedding=rope2d+")

    assert [word.removeprefix("embedding=rope2d+") for word in offered] == [
        name for name in EMBEDDINGS if name != "rope2d"
    ]


def test_every_offered_key_is_one(monkeypatch):
    """Composition knows every key that is offered."""
    run = config.compose([])
    shown = {*config.keys(asdict(run)), *config.GROUPS}
    offered = {word.removesuffix("=") for word in complete(monkeypatch, "")}

    assert offered <= shown
    assert len(offered) > 40


def test_completes_runs_and_studies(tmp_path):
    """Folders of runs, and folders that hold some, below what is typed."""
    runs = [folder(tmp_path, "training=smoke", seed=seed) for seed in range(2)]
    (tmp_path / "other").mkdir()
    offered = bash("show", f"{tmp_path}/r")

    assert offered == [f"{tmp_path}/runs/", *map(str, runs)]
    assert bash("compare", f"{tmp_path}/o") == []


def test_a_broken_folder_of_configs_is_silent():
    """Tab has nowhere to tell an error."""
    assert (
        ask(
            _VITPOS_COMPLETE="complete_bash",
            COMP_WORDS="vitpos\ntrain\nemb",
            COMP_CWORD="2",
            VITPOS_CONFIGS="/nowhere",
        )
        == []
    )


@pytest.fixture
def shell(tmp_path):
    """A bash with the script that `--show-completion` prints, and this `vitpos`."""
    pexpect = pytest.importorskip("pexpect")
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    command = tmp_path / "vitpos"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vitpos "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PS1": "$ ", "TERM": "dumb"}
    environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "INPUTRC": "/dev/null"}
    child = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], env=environment, encoding="utf-8", timeout=60
    )
    child.sendline("bind 'set bell-style none'; bind 'set enable-bracketed-paste off'")
    child.sendline('eval "$(vitpos --show-completion)"; echo rea""dy')
    child.expect("ready")
    yield child
    child.close(force=True)


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("vitpos tra\t", "vitpos train "),
        ("vitpos train embedding=levi\t", "vitpos train embedding=levit_bias "),
        ("vitpos train embedding=rope2d+levi\t", "vitpos train embedding=rope2d+levit_bias "),
        ("vitpos train training.lr\t", "vitpos train training.lr="),
        ("vitpos train training.lr=\t", f"vitpos train training.lr={rate('quick')} "),
        ('vitpos train "embedding=levi\t', 'vitpos train "embedding=levit_bias" '),
    ],
)
def test_bash_writes_it(shell, typed, becomes):
    """A real bash turns what was typed and Tab into the whole word."""
    shell.send(typed)
    shell.expect_exact(typed.removesuffix("\t"))
    shell.send("|")  # where the cursor is
    rest = becomes.removeprefix(typed.removesuffix("\t"))

    shell.expect_exact(f"{rest}|")
