"""First weights: the same for all arms of a study, and only what a config may name is built."""

from dataclasses import replace
from functools import cache

import networks
import pytest
import torch
from networks import COMBINATIONS, NAMES, options, position

from vitpos import build
from vitpos.config import compose
from vitpos.errors import BadInput
from vitpos.specimens import fitting
from vitpos.vit import Attention

ARMS = [*NAMES, "learned1d+rope_mixed"]


@cache
def usual():
    """A run whose embedding and backbone are replaced."""
    return compose(["backbone.registers=2"])


def drawn(names, sizes=None, seed=0):
    """A network as a run starts with it, of sizes that suit `names` or of these."""
    backbone = replace(usual().backbone, **(sizes or fitting(names)))
    run = replace(usual(), embedding=options(names), backbone=backbone, seed=seed)
    return build.network(run, classes=10)


@pytest.fixture(scope="module")
def arms():
    """One network of each strategy, of the same seed."""
    return {name: drawn(name) for name in ARMS}


@pytest.mark.parametrize("names", ARMS)
def test_arms_share_every_weight_outside_the_embedding(arms, names):
    """Networks that differ in their embedding start with the bits of `none` everywhere else."""
    first, second = (
        {n: t for n, t in model.state_dict().items() if not n.startswith("position.")}
        for model in (drawn("none", fitting(names)), arms[names])
    )
    if arms[names].position.extra_channels:  # a projection of more planes is another matrix
        for state in (first, second):
            state.pop("patches.project.weight")

    assert first.keys() == second.keys()
    assert len(first) >= 30
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
    """The same seed gives the same bits, another seed other numbers in each drawn matrix."""
    first, again, other = (networks.vit(name, seed=s, registers=1) for s in (1, 1, 2))
    for key, weight in first.named_parameters():
        assert torch.equal(weight, again.get_parameter(key))
        constant = weight.unique().numel() == 1  # biases, norms
        if not key.startswith("position."):  # which may start from a rule
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
        others = {n for n, _ in drawn("none", fitting(names)).named_parameters()}

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
    for wrong in (lacking, good | {"thetta": 3.0}):
        with pytest.raises(BadInput, match=r"embedding\.rope2d: .*thett?a"):
            build.embedding({"rope2d": wrong}, networks.trunk(), seed=0)
