"""Words of the command line that are wrong, odd or unusual: rows 1 to 51, 60 to 66 and 82."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from bad_input import Command, acted, refused, vitpos
from small_runs import TINY, compose

from vitpos import checks

__all__ = ["vitpos"]


REFUSED: dict[str, tuple[str | Sequence[str], Sequence[str]]] = acted({
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
    "13 no epochs": ("training.epochs=0", ["training.epochs = 0", "at least 1", "vitpos eval"]),
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
    "37 head_dim": (
        ["embedding=rope1d", "backbone.dim=9", "backbone.heads=3"],
        ["embedding=rope1d", "dim / backbone.heads = 3", "2"],
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
    "41 negative mlp": ("backbone.mlp_ratio=-4", ["backbone.mlp_ratio = -4.0", "above 0"]),
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
    "66 no workers": ("workers=500", ["unknown key workers"]),
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
})  # fmt: skip


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


ACCEPTED = acted(
    {
        "3 case": (["embedding=ROPE2D"], "rope2d:"),
        "82 name": (["name=a.b_c-d+1"], "name: a.b_c-d+1"),
        "82 letters": (["outputs=é/ö"], "outputs: é/ö"),
        "28 one image": (["training.batch_size=1"], "batch_size: 1"),
        "no position": (["embedding=none"], "none:"),
    }
)


@pytest.mark.parametrize("row", ACCEPTED)
def test_accepts(row: str, vitpos: Command) -> None:
    """What looks odd and is right."""
    words, expected = ACCEPTED[row]
    said = vitpos("train", "--cfg", *words)

    assert said.code == 0, said.err
    assert expected in said.out


NOTED = acted(
    {
        "12 lr": ("training.lr=10", "training.lr = 10.0 is unusually large"),
        "17 epochs": ("training.epochs=1000000", "training.epochs = 1000000"),
        "32 tokens": ("dataset=cifar10 patch.size=1", "1024 tokens an image"),
        "66 cores": ("threads=1000", "threads = 1000 on"),
    }
)


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
