"""What a person can get wrong: a line or two say what and what to type, a code, and no file."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_runs import TINY, Watch, _quick, compose, resume, train

from vitpos import checks, cli, config

__all__ = ["_quick"]
CPU_ONLY = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@functools.cache
def _composed(choices: tuple[tuple[str, tuple[str, ...]], ...]) -> Any:
    return _hydra_compose({group: list(names) for group, names in choices})


_hydra_compose = config.hydra_compose


@pytest.fixture
def vitpos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Run a command in this process, in an empty folder; Hydra reads its files once."""

    def once(choices: dict[str, list[str]]) -> Any:
        return deepcopy(_composed(tuple((g, tuple(n)) for g, n in sorted(choices.items()))))

    monkeypatch.setattr(config, "hydra_compose", once)
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Said:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["vitpos", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return Said(int(caught.value.code or 0), *capfd.readouterr())

    return command


def refused(said: Said, code: int, *words: str) -> None:
    """The code, at most three lines, each word, and no traceback."""
    assert said.code == code, said
    assert said.out == ""
    assert 1 <= len(said.err.splitlines()) <= 3, said.err
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert said.err.replace("\n", "").isprintable()
    for word in words:
        assert word in said.err


REFUSED: dict[str, tuple[str | Sequence[str], Sequence[str]]] = {
    "1 unknown embedding": ("embedding=rop2d", ["rop2d", "did you mean", "rope2d"]),
    "2 empty": ("embedding=", ["embedding", "empty", "embedding=none"]),
    "2 null": ("embedding=null", ["embedding", "embedding=none"]),
    "2 empty list": ("embedding=[]", ["embedding"]),
    "2 twice": ("embedding=rope2d+rope2d", ["twice"]),
    "2 a comma": ("embedding=rope2d,peg", ["more than one value", "embedding=rope2d+peg"]),
    "2 another's": (["embedding=rope2d", "embedding.peg.kernel=3"], ["peg has no part in"]),
    "2 half": ("embedding=rope2d+", ["a name is missing", "embedding=rope2d"]),
    "4 unknown key": ("posembed=rope", ["unknown key posembed", "did you mean embedding"]),
    "5 plus": ("+posembed=rope", ["+posembed", "neither added nor removed"]),
    "5 plus plus": ("++seed=1", ["seed", "neither added nor removed", "seed=..."]),
    "5 tilde": ("~seed", ["seed"]),
    "5 no value": ("seed", ["'seed' is not KEY=VALUE"]),
    "6 negative lr": ("training.lr=-1", ["training.lr = -1", "above 0"]),
    "7 zero lr": ("training.lr=0", ["training.lr", "above 0"]),
    "8 nan lr": ("training.lr=nan", ["training.lr = nan", "finite"]),
    "9 inf lr": ("training.lr=inf", ["training.lr = inf", "finite"]),
    "9 too large to be": ("training.lr=1e400", ["training.lr = inf", "finite"]),
    "10 two values": ("training.lr=1,2", ["training.lr=1,2", "more than one value"]),
    "10 a range": ("seed=range(0,3)", ["more than one value"]),
    "11 not a number": ("training.lr=1e-3x", ["training.lr = 1e-3x", "a number"]),
    "11 decimal comma": ("training.lr=0,001", ["training.lr=0,001", "decimal point"]),
    "13 no epochs": ("training.epochs=0", ["training.epochs = 0", "at least 1"]),
    "14 negative epochs": ("training.epochs=-3", ["training.epochs = -3", "at least 1"]),
    "15 half an epoch": ("training.epochs=1.5", ["training.epochs = 1.5", "whole number"]),
    "16 a float": ("training.epochs=1e3", ["training.epochs", "write training.epochs=1000"]),
    "16 true": ("training.epochs=true", ["training.epochs = True", "whole number"]),
    "18 warm-up": ("training.warmup_epochs=9", ["warmup_epochs = 9", "training.epochs = 2"]),
    "19 seed": ("seed=abc", ["seed = abc", "whole number"]),
    "20 negative seed": ("seed=-1", ["seed = -1", "at least 0"]),
    "21 long seed": ("seed=99999999999999999999", ["seed = 9999", "at most 9223372036854775807"]),
    "21 endless seed": (f"seed={'9' * 5000}", ["seed"]),
    "24 batch": ("training.batch_size=0", ["training.batch_size = 0", "at least 1"]),
    "25 batch": ("training.batch_size=-8", ["training.batch_size = -8", "at least 1"]),
    "26 batch": ("training.batch_size=64.5", ["training.batch_size = 64.5", "whole number"]),
    "29 patch": ("patch.size=5", ["patch.size = 5", "28 pixels", "1, 2, 4, 7, 14, 28"]),
    "30 patch": ("patch.size=0", ["patch.size = 0", "at least 1"]),
    "31 patch": ("patch.size=64", ["patch.size = 64", "28 pixels"]),
    "33 heads": ("backbone.heads=5", ["backbone.heads = 5", "64 channels", "1, 2, 4, 8"]),
    "34 heads": ("backbone.heads=0", ["backbone.heads = 0", "at least 1"]),
    "35 dim": ("backbone.dim=-64", ["backbone.dim = -64", "at least 1"]),
    "35 depth": ("backbone.depth=0", ["backbone.depth = 0", "at least 1"]),
    "36 head_dim": (
        ["embedding=rope2d", "backbone.dim=24"], ["embedding=rope2d", "dim / backbone.heads", "4"]
    ),
    "38 dim": (
        ["embedding=sincos2d", "backbone.dim=6", "backbone.heads=1"], ["backbone.dim = 6", "4"]
    ),
    "39 theta": ("embedding.rope2d.theta=1", ["theta = 1", "above 1"]),
    "39 nan": ("embedding.rope2d.theta=nan", ["theta = nan", "finite"]),
    "39 layers": (
        ["embedding=peg", "embedding.peg.layers=[7]"], ["layers = [7]", "0 to 3"]
    ),
    "39 target": ("embedding.rope2d._target_=os.system", ["unknown key embedding.rope2d._target_"]),
    "41 mlp": ("backbone.mlp_ratio=0", ["backbone.mlp_ratio = 0", "above 0"]),
    "42 dropout": ("backbone.dropout=1.5", ["backbone.dropout = 1.5", "below 1"]),
    "42 one": ("backbone.dropout=1", ["backbone.dropout = 1", "below 1"]),
    "43 dropout": ("backbone.dropout=nan", ["backbone.dropout = nan", "finite"]),
    "44 decay": ("training.weight_decay=-0.1", ["training.weight_decay = -0.1", "at least 0"]),
    "45 smoothing": ("training.label_smoothing=2", ["training.label_smoothing = 2", "below 1"]),
    "46 betas": ("training.betas=[0.9,1.0]", ["training.betas = 1.0", "below 1"]),
    "46 three": ("training.betas=[0.9,0.9,0.9]", ["training.betas", "two numbers"]),
    "46 one": ("training.betas=0.9", ["training.betas = 0.9", "list"]),
    "47 clip": ("training.clip_grad=-1", ["training.clip_grad = -1", "at least 0"]),
    "48 ema": ("training.ema=1.0", ["training.ema = 1.0", "below 1"]),
    "48 ema two": ("training.ema=2", ["training.ema = 2", "below 1"]),
    "49 schedule": ("training.schedule=cosin", ["schedule = cosin", "did you mean cosine"]),
    "50 ambiguous": ("dataset=cifar", ["dataset = cifar", "cifar10 or cifar100"]),
    "51 unknown": ("dataset=imagenet", ["dataset = imagenet", "no such dataset"]),
    "60 fp16": (["precision=fp16", "device=cpu"], ["precision = fp16", "CUDA", "bf16 or fp32"]),
    "62 fp8": ("precision=fp8", ["precision = fp8", "fp32, tf32, bf16, fp16"]),
    "62 number": ("precision=16", ["precision = 16", "fp32, tf32, bf16, fp16"]),
    "65 gpu": ("device=gpu", ["device = gpu", "did you mean cuda"]),
    "66 threads": ("threads=-1", ["threads = -1", "at least 0"]),
    "66 many": ("threads=5000", ["threads = 5000", "at most 1024"]),
    "82 up": ("name=../../x", ["name = '../../x'", "name=x"]),
    "82 root": ("name=/etc/x", ["name", "name=etc-x"]),
    "82 folder": ("name=a/b", ["name", "name=a-b"]),
    "82 dot": ("name=.", ["name = '.'"]),
    "82 dots": ("study=..", ["study = '..'"]),
    "82 reserved": ("name=CON", ["name = 'CON'"]),
    "82 NUL": ("name='a\0b'", ["name"]),
    "82 escape": ("name='a\x1b[31mb'", ["name", "x1b"]),
    "82 lines": ("name='a\nb'", ["name"]),
    "82 long": (f"name={'x' * 300}", ["name", "at most 80"]),
    "82 emoji": ("name=😀", ["name", "letters, digits"]),
    "82 empty": ("study=", ["study = ''"]),
    "82 minus": ("name=-x", ["name = '-x'"]),
    "82 space": ("name='x '", ["name = 'x '", "name=x"]),
    "82 number": ("study=1.5e3x/", ["study"]),
    "unreadable": ("notes={", ["notes={"]),
    "a secret": ("notes=${oc.env:HOME}", ["notes = ${oc.env:HOME}", "only other keys"]),
    "a secret in a list": ("training.betas=[1,'${oc.env:HOME}']", ["only other keys"]),
    "resolver": ("seed=${now:%S}", ["seed"]),
    "no such reference": ("seed=${nowhere}", ["nowhere"]),
    "itself": ("seed=${seed}", ["interpolation"]),
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSED)
def test_refuses(row: str, vitpos: Command, tmp_path: Path) -> None:
    """Each wrong value names its key, what must hold, and what is near."""
    words, expected = REFUSED[row]
    words = [words] if isinstance(words, str) else words

    refused(
        vitpos("train", "--cfg", "training=smoke", f"outputs={tmp_path}/o", *words), 2, *expected
    )
    assert not list(tmp_path.iterdir())


def test_tells_all_that_is_wrong_at_once(vitpos: Command) -> None:
    """A line for each of several problems."""
    said = vitpos("train", "training.lr=-1", "backbone.heads=x", "nonsense=1", "embedding=rop")

    assert said.code == 2
    assert [line[:7] for line in said.err.splitlines()] == ["error: "] * 4


ACCEPTED = {
    "3 case": (["embedding=ROPE2D"], "rope2d:"),
    "82 name": (["name=a.b_c-d+1"], "name: a.b_c-d+1"),
    "82 letters": (["outputs=é/ö"], "outputs: é/ö"),
    "28 one image": (["training.batch_size=1"], "batch_size: 1"),
    "72 none": (["embedding=none"], "none:"),
}


@pytest.mark.parametrize("row", ACCEPTED)
def test_accepts(row: str, vitpos: Command) -> None:
    """What looks odd and is right."""
    words, expected = ACCEPTED[row]
    said = vitpos("train", "--cfg", *words)

    assert said.code == 0, said.err
    assert expected in said.out


NOTED = {
    "12 lr": ("training.lr=10", "training.lr = 10.0 is unusually large"),
    "17 epochs": ("training.epochs=1000000", "training.epochs = 1000000"),
    "32 tokens": ("dataset=cifar10 patch.size=1", "1024 tokens an image"),
    "66 threads": ("threads=1000", "threads = 1000 on"),
}


@pytest.mark.parametrize("row", NOTED)
def test_notes(row: str, tmp_path: Path) -> None:
    """What is allowed and unusual is said."""
    words, expected = NOTED[row]

    assert any(expected in note for note in checks.notes(compose(tmp_path, *words.split())))


def test_prints_its_notes_and_goes_on(vitpos: Command) -> None:
    """On stdout before the heading; with `--quiet` on stderr."""
    said = vitpos("train", "--dry-run", *TINY, "training.lr=1")

    assert said.code == 0, said.err
    assert said.out.startswith("note: training.lr = 1.0 is unusually large")
    assert vitpos("train", "--dry-run", "--quiet", *TINY, "training.lr=1").err.startswith("note: ")


LATER: dict[str, tuple[Sequence[str], int, Sequence[str]]] = {
    "27 batch": (["training.limit=null", "training.batch_size=60000"], 2,
                 ["training.batch_size = 60000", "3500 training images"]),
    "52 missing": (["dataset=cifar10", "dataset.root=nowhere"], 3,
                   ["cifar10", "nowhere", "vitpos data"]),
    "56 pixels": (["dataset.size=32", "patch.size=8"], 3, ["dataset.size = 32", "28"]),
    "57 channels": (["dataset.channels=3", "dataset.mean=null", "dataset.std=null"], 3,
                    ["dataset.channels = 3", "1"]),
    "58 a file": (["dataset=cifar10", "dataset.root=file"], 3, ["file is a file"]),
    "83 a file": (["outputs=file"], 2, ["outputs = file", "is not a folder"]),
    "83 below a file": (["outputs=file/x"], 2, ["outputs = file/x", "is not a folder"]),
    "83 long": ([f"outputs={'x' * 300}"], 2, ["outputs = xxx", "too long"]),
    "83 NUL": (["outputs='a\0b'"], 2, ["outputs"]),
}  # fmt: skip


@pytest.mark.parametrize("row", LATER)
def test_refuses_before_the_first_step(row: str, vitpos: Command, tmp_path: Path) -> None:
    """What only the data, the disk or the machine can tell, and still before a folder is made."""
    words, code, expected = LATER[row]
    (tmp_path / "file").write_text("x")

    refused(vitpos("train", *TINY, *words), code, *expected)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@CPU_ONLY
@pytest.mark.parametrize("device", ["cuda", "cuda:99"])
def test_refuses_a_device_that_is_not_there(device: str, vitpos: Command) -> None:
    """Rows 63 and 64."""
    refused(vitpos("train", *TINY, f"device={device}"), 2, device, "no CUDA device", "device=cpu")


def test_refuses_a_folder_that_cannot_be_written(
    vitpos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 83, before anything is loaded; a superuser could write anywhere, so it is acted."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    refused(vitpos("train", f"outputs={tmp_path}"), 2, f"outputs = {tmp_path}", "cannot be written")


def test_refuses_to_resume_what_is_no_run(vitpos: Command, tmp_path: Path) -> None:
    """Rows 67 to 69: nothing there, a file, an empty folder."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")

    refused(vitpos("resume", "missing"), 4, "missing is not there")
    refused(vitpos("resume", "empty"), 4, "empty is not the folder of a run", "config.yaml")
    refused(vitpos("resume", "file"), 4, "file is not the folder of a run")
    refused(vitpos("resume", "x" * 300), 4, "xxx")
    refused(vitpos("resume", "a\x1b[31m"), 4, "x1b")
    assert not list((tmp_path / "empty").iterdir())


@pytest.fixture
def broken(tmp_path: Path, _quick: None) -> Path:
    """A run that was interrupted after its second checkpoint."""
    return train(tmp_path / "runs", show=Watch(after=9))


SPOILT: dict[str, tuple[Callable[[bytes], bytes], Sequence[str]]] = {
    "79 syntax": (lambda old: old + b"a: [1, 2\n", ["config.yaml:"]),
    "79 tab": (lambda old: b"a: 1\n\tb: 2\n" + old, ["config.yaml:2"]),
    "79 twice": (lambda old: old + b"seed: 3\n", ["config.yaml:", "seed occurs twice"]),
    "79 twice below": (
        lambda old: old.replace(b"  dim: 16\n", b"  dim: 16\n  dim: 16\n"), ["dim occurs twice"]
    ),
    "80 alias": (lambda old: b"a: &a [1, 2]\nb: [*a, *a]\n" + old, ["config.yaml:1", "aliases"]),
    "80 python": (
        lambda old: old.replace(b"seed: 0", b"seed: !!python/object/apply:os.getpid []"),
        ["config.yaml:", "tags"],
    ),
    "80 binary tag": (lambda old: old.replace(b"seed: 0", b"seed: !!binary aa"), ["tags"]),
    "81 target": (
        lambda old: old.replace(b"vitpos.embeddings.axial.Axial", b"os.system"),
        ["config.yaml", "os.system", "not trusted"],
    ),
    "81 no target": (
        lambda old: old.replace(b"vitpos.embeddings.axial.Axial", b"vitpos.embeddings.nope.A"),
        ["config.yaml", "vitpos.embeddings.nope"],
    ),
    "81 long": (lambda old: old + b"#" * 5_000_000, ["config.yaml", "too many"]),
    "81 binary": (lambda old: bytes(range(256)), ["config.yaml:"]),
    "81 control": (lambda old: b"a: 1\nb: \x01\n", ["config.yaml:2"]),
    "81 BOM": (lambda old: b"\xef\xbb\xbf" + old, ["config.yaml:1", "byte order mark"]),
    "81 UTF-16": (lambda old: old.decode().encode("utf-16"), ["config.yaml:1", "UTF-8"]),
    "empty": (lambda old: b"", ["config.yaml", "damaged"]),
    "a list": (lambda old: b"- 1\n", ["config.yaml", "damaged"]),
    "a word": (lambda old: b"x", ["config.yaml", "damaged"]),
    "deep": (lambda old: b"[" * 60000, ["config.yaml:1", "too deep"]),
    "deep block": (lambda old: b"- " * 5000, ["config.yaml:1", "too deep"]),
    "date": (lambda old: old.replace(b"seed: 0", b"seed: 2020-01-01"), [".yaml:", "in quotes"]),
    "complex key": (lambda old: old + b"? [a]\n: 1\n", ["config.yaml:", "key"]),
    "unknown key": (lambda old: old + b"zzz: 1\n", ["config.yaml:", "unknown key zzz"]),
    "missing": (lambda old: old.replace(b"seed: 0\n", b""), ["config.yaml", "seed is missing"]),
    "range": (lambda old: old.replace(b"seed: 0\n", b"seed: -1\n"), ["config.yaml:", "seed = -1"]),
    "needs": (lambda old: old.replace(b"multiple_of: 4", b"multiple_of: x"), ["config.yaml"]),
    "odd needs": (lambda old: old.replace(b"head_dim:\n", b"nothing:\n"), ["config.yaml"]),
    "70 other": (lambda old: old.replace(b"depth: 2", b"depth: 3"), ["config.yaml", "began with"]),
    "72 more": (lambda old: old.replace(b"epochs: 3", b"epochs: 9"), ["config.yaml", "began with"]),
}  # fmt: skip


def test_refuses_a_config_that_was_damaged(vitpos: Command, broken: Path, tmp_path: Path) -> None:
    """Rows 70, 72 and 79 to 81: code 4, with file and line, and nothing is written."""
    path = broken / "config.yaml"
    whole = path.read_bytes()
    before = snapshot(broken)
    for row, (spoil, expected) in SPOILT.items():
        path.write_bytes(spoil(whole))
        assert path.read_bytes() != whole, row
        refused(vitpos("resume", str(broken)), 4, *expected)
    path.write_bytes(whole)

    assert snapshot(broken) == before
    assert resume(broken).steps


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files but the lock, which tells of the last process."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path): path.read_bytes() for path in files}


def test_refuses_checkpoints_that_are_none(vitpos: Command, broken: Path) -> None:
    """Rows 73 to 78: passed over with a note; without a whole one, code 4."""
    newest, older = sorted((broken / "checkpoints").glob("step-*"), reverse=True)
    older.write_bytes(b"")
    newest.write_bytes(b"\x80\x02cos\nsystem\n(S'touch effect'\ntR.")
    said = vitpos("resume", str(broken), "--quiet")

    assert said.code == 4
    assert "Traceback" not in said.err
    assert [line[:6] for line in said.err.splitlines()] == ["note: ", "note: ", "error:", "hint: "]
    assert newest.name in said.err
    assert not Path("effect").exists()


@pytest.mark.parametrize("name", ["record.json", "summary.json"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"machine": 1}']
)
def test_odd_documents_are_told_by_name(
    name: str, content: bytes, vitpos: Command, broken: Path
) -> None:
    """A record that is none is damage; a summary without a result is as good as none."""
    (broken / name).write_bytes(content)
    said = vitpos("resume", str(broken))

    if name == "summary.json" and content.startswith(b"{") and len(content) > 1:
        assert said.code == 0
    else:
        refused(said, 4, name, "damaged")


KEYS = [
    *("seed", "training.lr", "training.betas", "embedding", "dataset", "name", "patch.size"),
    *("backbone.heads", "notes", "embedding.rope2d.theta", "hydra", "_target_", "training", ""),
]
VALUES = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["null", "true", "[1,2]", "{a: 1}", "[]", "${seed}", "rope2d", "mnist5k", "'x'"]
    ),
)
WORDS = st.one_of(
    st.tuples(st.sampled_from(KEYS), VALUES).map("=".join),
    st.tuples(st.text(max_size=6), st.sampled_from(["=", "", "==", "+="]), VALUES).map("".join),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(WORDS.filter(lambda word: word[:1] != "-"), max_size=4))
@example(["embedding={a: 1}"])
@example(["training={lr: 1}"])
def test_no_words_make_a_traceback(vitpos: Command, words: list[str]) -> None:
    """Whatever is typed after `vitpos train --cfg`, it is composed or refused."""
    said = vitpos("train", "--cfg", "--", *words)

    assert said.code in (0, 2), said
    assert (said.err == "") == (said.code == 0)
    assert all(line.startswith(("error: ", "hint: ")) for line in said.err.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["train", "--cfg"], 0),
        (["train", "training.lr=-1"], 2),
        (["train", "dataset=cifar10", "dataset.root=nowhere"], 3),
        (["resume", "nowhere"], 4),
        (["train", "--nonsense"], 2),
        (["nonsense"], 2),
        (["--help"], 0),
    ],
)
def test_codes_of_real_processes(words: list[str], code: int, tmp_path: Path) -> None:
    """The same through the command itself, with warnings as errors."""
    call = [sys.executable, "-W", "error", "-m", "vitpos", *words]
    place = {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    done = subprocess.run(
        call, capture_output=True, text=True, cwd=tmp_path, env=os.environ | place, check=False
    )

    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
