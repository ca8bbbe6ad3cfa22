"""From words on the command line to a run, or to everything that is wrong with them."""

import dataclasses
from dataclasses import asdict

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitpos import config
from vitpos.config import compose, dump
from vitpos.errors import BadInput
from vitpos.identities import identity
from vitpos.schema import Run
from vitpos.typed import typed

HARMLESS = {"name", "notes", "study", "outputs", "device", "threads", "tensorboard"}
HARMLESS |= {"dataset.root", "training.checkpoint_seconds"}


@pytest.fixture(scope="module")
def usual():
    """The run without any override."""
    return compose([])


def said(*words):
    """The lines that a user sees instead of a run."""
    with pytest.raises(BadInput) as caught:
        compose(words)
    assert caught.value.code == 2
    return caught.value.lines()


CHOICES = [f"{group}={name}" for group in config.GROUPS for name in config.options(group)]


@pytest.mark.parametrize("word", CHOICES)
def test_every_file_is_a_run(word):
    """Each file of each group composes with the usual rest, and its values are the run's."""
    group, name = word.split("=")
    run = compose([word])
    text = (config.folder() / group / f"{name}.yaml").read_text()
    given = yaml.safe_load(text.replace("${dataset.patch}", str(run.dataset.patch)))

    found = asdict(run)[group]
    assert found == given


def test_values_override_files():
    """A value lands where its key says, whatever the order of the words."""
    words = ["backbone.depth=7", "seed=3", "training.augment.mixup=0.4", "dataset.mean=[0.5]"]
    for order in (words, words[::-1], [*words[2:], *words[:2]]):
        run = compose([*order[:2], "backbone=tiny", *order[2:]])

        assert (run.backbone.depth, run.backbone.dim, run.seed) == (7, 128, 3)
        assert run.training.augment.mixup == 0.4
        assert run.dataset.mean == [0.5]


def test_patches_follow_the_data():
    """The usual patch size is that of the data set, unless it is given."""
    assert compose(["dataset=cifar10"]).patch.size == 4
    assert compose(["dataset=cifar10", "patch.size=8"]).patch.size == 8


@pytest.mark.parametrize(
    "word",
    ["embedding=rope2d+learned1d", "embedding=[rope2d,learned1d]", "embedding=RoPE2D+Learned1D"],
)
def test_several_strategies(word):
    """`a+b` and `[a,b]` are the same, in that order and in any case."""
    run = compose([word, "embedding.learned1d.std=0.5"])

    assert list(run.embedding) == ["rope2d", "learned1d"]
    assert run.embedding["learned1d"]["std"] == 0.5
    assert run.embedding["rope2d"] == compose(["embedding=rope2d"]).embedding["rope2d"]


@pytest.mark.parametrize("word", ["dataset=MNIST", "training=Smoke", "backbone=TINY"])
def test_names_of_files_in_any_case(word):
    """Capitals do not matter in the names of files."""
    assert compose([word]) == compose([word.lower()])


def test_options_of_a_strategy_keep_their_kind():
    """Its file is its schema: a number stays a number, a list of numbers a list of numbers."""
    assert compose(["embedding.rope2d.theta=50"]).embedding["rope2d"]["theta"] == 50.0
    assert said("embedding.rope2d.theta=fast") == [
        "error: embedding.rope2d.theta = fast: must be a number"
    ]
    assert said("embedding=peg", "embedding.peg.layers=[a]") == [
        "error: embedding.peg.layers = a: must be a whole number"
    ]


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (
            "embedding=rope",
            "embedding = rope: there is no such embedding",
            "did you mean rope1d or rope2d or ",
        ),
        (
            "embedding=lerned1d",
            "embedding = lerned1d: there is no such",
            "did you mean learned1d or ",
        ),
        ("embedding=none+none", "embedding = none+none: none twice", ""),
        ("embedding=", "embedding: empty value", "for no position use embedding=none"),
        ("embedding=null", "embedding = null: there is no such", "use embedding=none"),
        ("embedding=[]", "embedding: empty value", "`vitpos list embeddings` shows all "),
        ("embedding=../train", "embedding = ../train: there is no such", ""),
        ("dataset=[mnist,cifar10]", "must be one name", "dataset=mnist"),
        ("dataset=zzz", "dataset = zzz: there is no such dataset", "one of cifar10, "),
        ("bakbone=tiny", "unknown key bakbone", "did you mean backbone?"),
        ("lr=0.1", "unknown key lr", "did you mean training.lr?"),
        ("epocs=3", "unknown key epocs", "did you mean training.epochs?"),
        ("embedding.rope2d._target_=os.system", "unknown key embedding.rope2d._target_", "theta"),
        ("seed", "'seed' is not KEY=VALUE", ""),
        ("+seed=3", "+seed=3: keys are neither added nor removed", "seed=..."),
        ("~seed", "'~seed' is not KEY=VALUE", ""),
        ("seed=1,2", "seed=1,2: more than one value for one run", "decimal point"),
        ("seed=range(3)", "seed=range(3): more than one value", ""),
        ("seed=1e3", "seed = 1000.0: must be a whole number", "write seed=1000"),
        ("seed=-1", "seed = -1: must be at least 0", ""),
        ("training.lr=0", "training.lr = 0.0: must be above 0", ""),
        ("backbone.pool=Mean", "backbone.pool = Mean: must be one of mean, cls", "mean?"),
        ("patch.size=5", "28 pixels are not divisible by it", "try 1, 2, 4, 7, 14, 28"),
        ("backbone.heads=5", "64 channels are not divisible by it", "try 1, 2, 4, 8, 16, 32, 64"),
        ("backbone.heads=32", "backbone.dim / backbone.heads = 2: must be a multiple of 4", ""),
        ("embedding=peg embedding.peg.layers=[9]", "blocks are numbered 0 to 3", ""),
        ("embedding=peg embedding.peg.layers=[]", "blocks are numbered 0 to 3", ""),
        ("embedding=peg embedding.peg.kernel=2", "embedding.peg.kernel = 2: must be one of", ""),
        ("embedding.rope2d.new_grid=crop", "must be one of extrapolate, pi, ntk, yarn", ""),
        ("embedding.rope2d.theta=1", "embedding.rope2d.theta = 1.0: must be above 1", ""),
        ("device=gpu", "device = gpu: must be auto, cpu, cuda", "did you mean cuda?"),
        ("training.betas=[0.9]", "must be two numbers", ""),
        ("name=a/b", "letters, digits and . _ - + only", "name=a-b"),
        ("name=${name}", "Recursive interpolation", ""),
        ("patch.size=${nothing}", "'nothing' not found", ""),
        ("notes='${'", "notes = ${ cannot be read", "${some.key}"),
        ("outputs=/dev/null/x", "/dev/null is not a folder", ""),
        ("outputs='~no-such-user/x'", "outputs = ~no-such-user/x: ", ""),
        (f"outputs={'a' * 300}", "name too long", ""),
        (f"seed={'9' * 5000}", "cannot be read", ""),
        (f"training.lr={'9' * 400}", "must be finite", ""),
        (f"training.betas={'[' * 2000}", "cannot be read", ""),
    ],
    ids=lambda text: text[:40],
)
def test_says_what_is_wrong_and_what_to_type(words, error, hint):
    """One error line, with a hint where there is something to suggest."""
    lines = said(*words.split(" "))

    assert lines[0].startswith("error: ")
    assert error.lower() in lines[0].lower()
    assert hint in "\n".join(lines[1:])
    assert [line for line in lines[1:] if not line.startswith("hint: ")] == []


def test_says_everything_at_once():
    """Problems of words, of files, of values and of what must hold between values."""
    first = said("seed=-1", "lr=3", "embedding=rope", "training.epochs=x", "seed2")
    second = said("patch.size=5", "backbone.heads=3", "device=gpu", "training.warmup_epochs=99")

    assert len(first) == 5
    assert len(second) == 4
    assert all(line.startswith("error: ") for line in first + second)


def test_a_strategy_says_what_it_needs():
    """A width that does not fit names the strategy, the key and the rule."""
    lines = said(
        "embedding=peg+sincos2d", "backbone.depth=1", "backbone.dim=30", "backbone.heads=5"
    )

    assert lines[0].startswith("error: embedding=peg needs another backbone.depth = 1: must be at")
    assert lines[-1] == (
        "error: embedding=sincos2d needs another backbone.dim = 30: must be a multiple of 4"
    )


def leaves(record, path=()):
    """Paths and values of all fields, those of records within and of options too."""
    items = record.items() if isinstance(record, dict) else vars(record).items()
    for key, value in items:
        if dataclasses.is_dataclass(value) or isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def changed(record, path, value):
    """A copy with another value at the end of a path."""
    key, *rest = path
    new = value
    if rest:
        inside = record[key] if isinstance(record, dict) else getattr(record, key)
        new = changed(inside, rest, value)
    if isinstance(record, dict):
        return record | {key: new}
    return dataclasses.replace(record, **{key: new})


def another(value, key):
    """A different value of the same kind."""
    if isinstance(value, bool):
        return not value
    if value is None:
        return 1 if key == "training.limit" else "other"
    if key == "backbone.depths":
        return [*value, 1]
    return value + {int: 1, float: 0.25, str: "x", list: [0.5]}[type(value)]


@pytest.mark.parametrize("name", ["none", "learned1d"])
def test_heads_of_an_odd_width_fit_what_turns_none_of_them(name):
    """Only rotations want pairs of channels."""
    run = config.compose([f"embedding={name}", "backbone.dim=15", "backbone.heads=1"])

    assert run.backbone.dim == 15


def test_identity_is_what_changes_the_numbers(usual):
    """Every value of a run is part of its identity, but for names, places and the machine."""
    before = identity(usual)
    harmless = set()
    for path, value in leaves(usual):
        key = ".".join(path)
        if identity(changed(usual, path, another(value, key))) == before:
            harmless.add(key)

    assert len(before) == 64
    assert identity(compose([])) == before
    assert harmless == HARMLESS


def test_identity_knows_the_order_of_strategies():
    """Strategies speak one after the other, so their order is part of what is computed."""
    one, other = (compose([f"embedding={e}"]) for e in ("learned1d+peg", "peg+learned1d"))

    assert identity(one) != identity(other)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["embedding=peg+alibi2d+rope2d", "notes='ü: {x} \"y\" # z'", "name=007"],
        ["dataset=imagefolder", "training=full", "training.limit=7", "seed=9223372036854775807"],
        ["training.lr=1e-05", "training.betas=[0.9,0.95]", "notes='null'", "study='1e5'"],
    ],
)
def test_comes_back_from_its_dump(words):
    """The YAML of a run, read as plain data, is the same run."""
    run = compose(words)
    problems = []
    again = typed(Run, yaml.safe_load(dump(run)), "", problems.append)

    assert problems == []
    assert again == run
    assert identity(again) == identity(run)
    assert list(again.embedding) == list(run.embedding)


KEYS = sorted({".".join(path) for path, _ in leaves(compose([]))} | set(config.GROUPS))
VALUES = [
    *("", "null", "true", "nan", "-inf", "1e999", "-1", "0", "3", "0.5", "[]", "[1]", "[[1]]"),
    *("{}", "{a:1}", "a", "A+B", "+", "a,b", "???", "'", '"', "\\", "${seed}", "${", "${x}"),
    *("${oc.env:HOME}", "${oc.env:NOPE}", "${hydra:x}", "$(ls)", "../../x", "~", "~x", "a=b"),
    *("[null]", "[1,a]", "choice(1,2)", "range(1)", "int(x)", "sort(2,1)", "\x00", "\n", "\u200b"),
    *("none", "rope2d", "peg+rope2d", "micro", "mnist", "9" * 30, "/", "/proc/self/mem/x", "."),
]
words = st.builds(
    "{}={}".format,
    st.sampled_from(KEYS) | st.text(max_size=8),
    st.sampled_from(VALUES) | st.text(max_size=12) | st.floats().map(str) | st.integers().map(str),
)


@given(overrides=st.lists(words | st.text(max_size=10), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_words_give_a_run_or_bad_input(overrides):
    """Whatever is typed: a run that its dump gives back, or lines that say what is wrong."""
    check_any(overrides)


@pytest.mark.slow
@given(overrides=st.lists(words | st.text(max_size=10), min_size=1, max_size=4))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_very_many_words_give_a_run_or_bad_input(overrides):
    """The same, at length."""
    check_any(overrides)


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_each_key_with_each_odd_value(key):
    """Every key of a run meets every odd value of the list above."""
    for value in VALUES:
        check_any([f"{key}={value}"])


def check_any(overrides):
    """Compose, and accept nothing but a sound run or a sound complaint."""
    try:
        run = compose(overrides)
    except BadInput as error:
        lines = error.lines()
        assert lines
        assert lines[0].startswith("error: ")
    else:
        assert isinstance(run, Run)
        assert typed(Run, yaml.safe_load(dump(run)), "", pytest.fail) == run
