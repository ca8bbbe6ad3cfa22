"""First weights: the same for all arms of a study, and only what a config may name is built."""

import inspect
import re

import networks
import pytest
import torch
from networks import COMBINATIONS, NAMES, noise, position

from vitpos import build
from vitpos.config import compose
from vitpos.embeddings.base import Site
from vitpos.errors import BadInput
from vitpos.grid import Grid
from vitpos.vit import Attention

ARMS = [*NAMES, "learned1d+rope_mixed"]
SMALL = ["backbone.depth=2", "backbone.dim=32", "backbone.heads=2", "backbone.registers=2"]


def drawn(names, seed=0):
    """A network as a run of the command line starts with it."""
    return build.network(compose([f"embedding={names}", f"seed={seed}", *SMALL]), classes=10)


@pytest.fixture(scope="module")
def arms():
    """One network of each strategy, of the same seed."""
    return {name: drawn(name) for name in ARMS}


@pytest.mark.parametrize("names", ARMS)
def test_arms_share_every_weight_outside_the_embedding(arms, names):
    """Networks that differ in their embedding start with the bits of `none` everywhere else."""
    first, second = (
        {n: t for n, t in arms[arm].state_dict().items() if not n.startswith("position.")}
        for arm in ("none", names)
    )
    appended = arms[names].position.extra_channels
    if appended:  # a projection of more planes is another matrix
        first.pop("patches.project.weight"), second.pop("patches.project.weight")

    assert first.keys() == second.keys()
    assert len(first) == 31 - bool(appended)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize("names", COMBINATIONS)
def test_strategies_start_alike_alone_and_together(names):
    """What a strategy draws depends on its name and the seed, not on its company."""
    together = position(names, seed=3)
    for name, part in together.strategies():
        alone = position(name, seed=3).state_dict()
        assert alone.keys() == part.state_dict().keys()
        assert all(torch.equal(t, alone[n]) for n, t in part.state_dict().items())


def test_the_seed_decides_every_drawn_weight(name):
    """The same seed gives the same bits; another seed gives other numbers in each drawn tensor."""
    first, again, other = (networks.vit(name, seed=s, registers=1) for s in (1, 1, 2))
    for key, weight in first.named_parameters():
        assert torch.equal(weight, again.get_parameter(key))
        constant = weight.unique().numel() == 1  # biases, norms
        assert constant == torch.equal(weight, other.get_parameter(key)), key


@pytest.mark.parametrize("names", ARMS)
def test_the_global_generator_neither_matters_nor_moves(arms, names):
    """Building draws from generators of its own: nothing else that is random shifts."""
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    state = drawn(names).state_dict()

    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(tensor, arms[names].state_dict()[n]) for n, tensor in state.items())


def test_first_weights_are_xavier(arms):
    """Matrices fill Xavier's range, each of q, k and v by itself; norms are one, biases zero."""
    model = arms["none"]
    packed = {id(m.qkv.weight) for m in model.modules() if isinstance(m, Attention)}
    for name, weight in model.named_parameters():
        if name == "prefix":
            assert weight.std().item() == pytest.approx(0.02, rel=0.3)
        elif weight.ndim == 1:
            norm = "norm" in name and name.endswith("weight")
            assert weight.eq(1.0 if norm else 0.0).all(), name
        else:
            for part in weight.chunk(3 if id(weight) in packed else 1):
                reach = (6 / sum(part.shape)) ** 0.5
                assert part.abs().max() <= reach
                assert part.std().item() == pytest.approx(reach / 3**0.5, rel=0.15), name


def test_names_the_parameters_of_the_embedding(arms):
    """Position parameters are told by their role, for every strategy."""
    for names, model in arms.items():
        names_of_all = dict(model.named_parameters())
        others = {n for n, _ in arms["none"].named_parameters()}

        assert build.is_position(model) == names_of_all.keys() - others, names


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.nn.Linear",
        "vitpos.build.network",
        "vitpos.embeddings.PositionEmbedding",
        "vitpos.embeddings.base.Trunk",
        "vitpos.embeddings.base.Constant",
        "vitpos.embeddings.bias.slopes",
        "vitpos.embeddings.rotary.Rotary",
        "vitpos.embeddings.rotary.Nope",
        "vitpos.embeddings.nope.Axial",
        "vitpos.embeddings.additive.torch.nn.Linear",
        "vitpos.embeddings..rotary.Axial",
        "",
        None,
    ],
)
def test_builds_strategies_of_this_package_only(target):
    """A config is data: what is no strategy of ours is refused, and nothing of it is run."""
    options = {"theta": 10.0, "new_grid": "extrapolate", "_target_": target}
    with pytest.raises(BadInput):
        build.embedding({"odd": options}, networks.trunk(), seed=0)


def test_a_config_without_target_is_refused():
    """An option file has to name its class."""
    with pytest.raises(BadInput, match="not a strategy"):
        build.embedding({"odd": {"theta": 10.0}}, networks.trunk(), seed=0)


def test_wrong_options_are_bad_input():
    """A missing or unknown option names the strategy."""
    good = networks.options("rope2d")["rope2d"]
    lacking = {k: v for k, v in good.items() if k != "theta"}
    for options in (lacking, good | {"thetta": 3.0}):
        with pytest.raises(BadInput, match=r"embedding\.rope2d: .*thett?a"):
            build.embedding({"rope2d": options}, networks.trunk(), seed=0)


def test_files_say_what_they_are(name):
    """Each file opens with what it does, the paper with its year and number, and other names."""
    lines = (networks.CONFIGS / f"{name}.yaml").read_text().splitlines()

    assert all(re.match(r"# \S", line) for line in lines[:3])
    assert lines[3] == f"{name}:"
    assert 20 <= len(lines[0]) <= 100
    assert re.search(r"(19|20)\d\d, .*(arXiv \d{4}\.\d{5}|https://)", lines[1])
    assert list(networks.options(name)) == [name]


def test_files_hold_every_number(name):
    """Classes have no defaults: the options of a file are exactly the arguments of its class."""
    options = networks.options(name)[name]
    found = build.strategy(options)
    signature = inspect.signature(found).parameters

    assert {key for key in options if not key.startswith("_")} == build.keywords(found)
    assert all(p.default is inspect.Parameter.empty for p in signature.values())


def rules_of_shape():
    """The rules of all files that are about what can be built, with a value that breaks each."""
    for name in NAMES:
        for key, rules in networks.options(name)[name].get("_needs_", {}).items():
            if "multiple_of" in rules:
                yield name, key, rules["multiple_of"] + 2
            if "at_least" in rules:
                yield name, key, rules["at_least"] - 1
            if "one_of" in rules:
                yield name, key, "nonsense" if isinstance(rules["one_of"][0], str) else 2


@pytest.mark.parametrize(("name", "key", "bad"), list(rules_of_shape()))
def test_classes_keep_the_rules_of_their_files(name, key, bad):
    """What `_needs_` forbids is a `ValueError` of the class too, at the latest when it speaks."""
    options = networks.options(name)[name]
    width = {"head_dim": {"dim": 2 * bad if key == "head_dim" else 0}, "dim": {"dim": bad}}
    changes = width.get(key, {"depth": bad} if key == "depth" else {})
    trunk = networks.trunk(**changes)
    if key in options:
        options[key] = bad
    with pytest.raises(ValueError, match=r".+"):
        speak(build.made(options, trunk), trunk)


def speak(strategy, trunk):
    """Ask a strategy everything, on a grid that it was not built for."""
    site = Site(Grid(2, 3), 0, 0)
    x, q = noise(1, 6, trunk.dim), noise(1, trunk.heads, 6, trunk.head_dim)
    strategy.tokens(x, site)
    strategy.inputs(x, x, site)
    strategy.heads(q, q, site)
    strategy.logits(q, q, site)
