"""Backbones of several stages: windows, merging, positions stage by stage, convolutions."""

import dataclasses

import networks
import pytest
import torch
from networks import loud, noise
from timm.models.swin_transformer import PatchMerging, SwinTransformerBlock
from torch import nn

from vitpos import build, checks, config, metrics, sizes
from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.offsets import RelativeTable
from vitpos.errors import BadInput
from vitpos.explain import explain, lines
from vitpos.grid import Grid
from vitpos.lanes import rule
from vitpos.machine import prepare
from vitpos.patches.leak import explained
from vitpos.pyramid import Merge, apart
from vitpos.specimens import fitting, position, read, trunk, vit
from vitpos.sweeps import forecast
from vitpos.terminal.sketch import Style
from vitpos.vit import Block

CPU = torch.device("cpu")
STAGES = {
    "pyramid": {"kind": "pyramid", "window": 2, "convolutions": 0},
    "hybrid": {"kind": "hybrid", "window": 0, "convolutions": 1},
}


def staged(names, kind="pyramid", **changes):
    """Two stages of the depth that suits a strategy, on 4 x 4 and 2 x 2 cells."""
    sizes_ = fitting(names)
    depths = [sizes_["depth"]] * 2
    return vit(
        names, **(sizes_ | STAGES[kind] | {"depths": depths, "depth": sum(depths)} | changes)
    )


@pytest.mark.parametrize("kind", STAGES)
@pytest.mark.parametrize("names", [*networks.NAMES, "peg+alibi2d+rope2d"])
def test_every_strategy_works_in_stages(names, kind):
    """Forward and backward on a square and an oblong image; gradients come to every stage."""
    model = staged(names, kind, pool="cls", registers=1, mlp_ratio=1.0)
    loud(model.position)
    for height, width in ((16, 16), (8, 24)):
        scores = model.train()(noise(1, 3, height, width))
        scores.square().sum().backward()
        assert scores.isfinite().all()
    grads = {n: p.grad for n, p in model.named_parameters()}
    idle = [n for n, grad in grads.items() if grad is None or not grad.isfinite().all()]

    assert [name for name in idle if not name.startswith("position.")] == []
    for stage in range(STAGES[kind]["convolutions"], 2):
        own = [g for n, g in grads.items() if n.startswith(f"position.stages.{stage}.")]
        assert not own or any(g is not None and g.any() for g in own)


def test_each_stage_has_a_position_embedding_of_its_own():
    """Built for its grid, width, heads and depth, with numbers of its own, asked with its site."""
    model = staged("learned1d", registers=1)
    first, second = (model.position.of(i) for i in range(2))
    of = fitting("learned1d")

    assert (first.trunk.grid, first.trunk.dim, first.trunk.prefix) == (Grid(4, 4), of["dim"], 0)
    assert (second.trunk.grid, second.trunk.dim) == (Grid(2, 2), 2 * of["dim"])
    assert (second.trunk.heads, second.trunk.prefix) == (2 * of["heads"], 1)
    assert second.trunk.channels == of["dim"]
    sites = [
        (site.stage, site.layer, site.grid.rows, site.prefix) for site in model.position.sites()
    ]
    assert sites == [(s, i, (4, 2)[s], s) for s in range(2) for i in range(of["depth"])]
    x = torch.zeros(1, 16, of["dim"])
    assert torch.equal(
        model.position.tokens(x, Site(Grid(4, 4), 0, 0)), first.tokens(x, sites_of(0))
    )


def sites_of(stage):
    """The first block of a stage."""
    return Site(Grid(4 >> stage, 4 >> stage), 0, 0, stage=stage)


def test_stages_draw_apart_and_the_rest_alike():
    """Stages of one shape start with other numbers; networks share all bits but position."""
    flat = {"dim": 32, "heads": 2, "depths": [2, 2], "depth": 4}
    one, other = (vit("learned1d", seed=s, **STAGES["pyramid"], **flat) for s in (0, 0))
    plain = vit("none", **STAGES["pyramid"], **flat)
    coords = vit("coordconv", **STAGES["pyramid"], **flat)
    tables = [one.position.of(i).source.weight for i in range(2)]

    assert not torch.equal(tables[0][:4, :32], tables[1][:4, :32])
    for name, weight in plain.named_parameters():
        assert torch.equal(weight, one.get_parameter(name))
        assert torch.equal(other.get_parameter(name), one.get_parameter(name))
        wide = coords.get_parameter(name)
        if weight.shape != wide.shape:
            assert name in ("patches.project.weight", "merges.0.project.weight")
            wide = wide[:, : weight.shape[1]]
        assert torch.equal(weight, wide), name


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("grid", [Grid(8, 8), Grid(7, 10), Grid(3, 9)])
@pytest.mark.parametrize("names", ["none", "swin_rpb", "rope_mixed"])
@torch.no_grad()
def test_windows_are_what_cutting_the_grid_gives(names, grid, shift):
    """Attention under the mask is attention inside of each window by itself."""
    block = loud(Block(networks.BACKBONE, 0.0), std=0.3).eval()
    strategy = loud(position(names, grid=grid))
    x, window = noise(2, grid.cells, 32), 4
    hidden = apart(grid, window, shift, 0, CPU)
    found = block(x, strategy, Site(grid, 0, 0, hidden=hidden))
    cuts = [
        [0, *range(shift or window, side, window), side] if side > window else [0, side]
        for side in grid
    ]
    for top, bottom in zip(cuts[0], cuts[0][1:], strict=False):
        for left, right in zip(cuts[1], cuts[1][1:], strict=False):
            rows, cols = torch.arange(top, bottom), torch.arange(left, right)
            inside = (rows[:, None] * grid.cols + cols).flatten()
            alone = block(
                x[:, inside], Within(strategy, grid, inside), Site(Grid(len(rows), len(cols)), 0, 0)
            )
            torch.testing.assert_close(found[:, inside], alone, rtol=1e-4, atol=1e-5)


class Within(PositionEmbedding):
    """What a strategy says of some cells of a grid, as it says it of all."""

    def __init__(self, strategy, grid, inside):
        super().__init__(strategy.trunk)
        self.strategy, self.inside_of, self.site = strategy, inside, Site(grid, 0, 0)

    def among(self, x):
        """As many tokens as the grid has, those inside at their places."""
        whole = x.new_zeros(*x.shape[:2], self.site.grid.cells, x.shape[-1])
        whole[:, :, self.inside_of] = x
        return whole

    def heads(self, q, k, site):
        both = self.strategy.heads(self.among(q), self.among(k), self.site)
        return tuple(x[:, :, self.inside_of] for x in both)

    def logits(self, q, k, site):
        found = self.strategy.logits(self.among(q), self.among(k), self.site)
        return None if found is None else found[..., self.inside_of, :][..., self.inside_of]

    def inside(self, site):
        return None


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [8, 12])
def test_a_block_with_windows_is_that_of_swin(size, shift):
    """The block of timm with the same weights and relative biases: outputs and gradients."""
    theirs = SwinTransformerBlock(
        32, (size, size), num_heads=2, window_size=4, shift_size=shift, mlp_ratio=2.0
    )
    ours = loud(Block(networks.BACKBONE, 0.0), std=0.3)
    pairs = {
        "norm1": "norm1",
        "attention.qkv": "attn.qkv",
        "attention.out": "attn.proj",
        "norm2": "norm2",
        "mlp.0": "mlp.fc1",
        "mlp.2": "mlp.fc2",
    }
    for mine, other in pairs.items():
        theirs.get_submodule(other).load_state_dict(ours.get_submodule(mine).state_dict())
    grid, table = Grid(size, size), noise(49, 2, seed=4)
    theirs.attn.relative_position_bias_table.data.copy_(table)
    options = {k: v for k, v in read("swin_rpb").items() if not k.startswith("_")}
    strategy = RelativeTable(trunk(grid=grid), **options).eval()
    middle = slice(size - 4, size + 3)
    strategy.weight.data[0, :, middle, middle] = table.T.view(2, 7, 7)
    x, y = (noise(2, size * size, 32).requires_grad_() for _ in range(2))
    mine = ours(x, strategy, Site(grid, 0, 0, hidden=apart(grid, 4, shift, 0, CPU)))
    other = theirs(y.view(2, size, size, 32)).flatten(1, 2)
    mine.square().sum().backward()
    other.square().sum().backward()

    torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-3, atol=1e-3)


def test_merging_is_that_of_swin():
    """The module of timm, whose inputs are in another order: tokens and gradients."""
    ours, theirs = loud(Merge(6, 0, 12)), PatchMerging(6, 12)
    order = torch.arange(24).view(2, 2, 6).permute(2, 1, 0).flatten()
    theirs.norm.weight.data[order] = ours.norm.weight.data
    theirs.norm.bias.data[order] = ours.norm.bias.data
    theirs.reduction.weight.data[:, order] = ours.project.weight.data
    planes = noise(2, 6, 4, 8)

    torch.testing.assert_close(
        ours(planes), theirs(planes.permute(0, 2, 3, 1)).flatten(1, 2), rtol=1e-4, atol=1e-5
    )


def test_prefix_tokens_are_in_every_window():
    """They are hidden from nobody, and nobody from them."""
    hidden = apart(Grid(4, 4), 2, 0, 3, CPU)

    assert not hidden[:3].any()
    assert not hidden[:, :3].any()
    assert hidden[3:, 3:].float().mean() == 0.75
    assert apart(Grid(4, 4), 4, 2, 0, CPU) is None
    assert apart(Grid(9, 9), 0, 0, 0, CPU) is None


@pytest.mark.parametrize("way", ["explicit", "tile"])
@pytest.mark.parametrize("names", ["gpsa", "lookhere", "swin_rpb", "pope"])
@torch.no_grad()
def test_nothing_looks_out_of_its_window(names, way):
    """A change in one window stays there, in all ways of attention, gated and masked too."""
    of = fitting(names)
    backbone = dataclasses.replace(networks.BACKBONE, dim=of["dim"], heads=of["heads"])
    block, grid = loud(Block(backbone, 0.0), std=0.2).eval(), Grid(4, 6)
    block.attention.implementation = way
    strategy = loud(position(names, grid=grid, **of))
    x = noise(1, grid.cells, of["dim"])
    changed = x.clone()
    changed[:, 0] += 2
    site = Site(grid, 0, 0, hidden=apart(grid, 2, 0, 0, CPU))
    moved = (block(x, strategy, site) - block(changed, strategy, site)).abs().amax(-1).view(4, 6)

    assert moved[:2, :2].min() > 0
    assert moved[2:].max() == moved[:, 2:].max() == 0


@torch.no_grad()
def test_window_absolute_repeats_in_every_window():
    """`window_abs` of the size of the window gives each window the same tile, in each stage."""
    model = staged("window_abs")
    for stage in range(2):
        table = model.position.of(stage).source
        nn.init.zeros_(table.coarse)
        side = 4 >> stage
        tile = table.table(sites_of(stage)).view(side, side, -1)
        assert torch.equal(tile[:2, :2], tile[-2:, -2:])
        assert tile[:2, :2].flatten(0, 1).unique(dim=0).shape[0] == 4


@torch.no_grad()
def test_a_silent_pyramid_knows_places_by_its_windows_and_merging_only():
    """Windows that are moved whole move with what they show; a hybrid's padding tells places."""
    model = staged("none", depths=[1, 1], depth=2).eval()
    image = noise(1, 3, 16, 16)
    swapped = image.roll((8, 8), (2, 3))

    torch.testing.assert_close(model(image), model(swapped), rtol=1e-4, atol=1e-5)
    hybrid = staged("none", "hybrid").eval()
    tokens = hybrid.double().tokens(torch.ones(1, 3, 32, 32, dtype=torch.float64))[0]
    assert explained(tokens, Grid(4, 4)) > 0.5
    tokens = model.double().tokens(torch.ones(1, 3, 32, 32, dtype=torch.float64))[0]
    torch.testing.assert_close(tokens, tokens[:1].expand_as(tokens))


@pytest.mark.parametrize("kind", STAGES)
def test_files_run_and_are_counted(kind):
    """The default run with this backbone: tokens and operations as they are measured."""
    for words in ([], ["dataset=cifar10", "backbone.registers=2", "backbone.pool=attention"]):
        run = config.compose(["embedding=none", f"backbone={kind}", *words])
        found = metrics.cost(build.network(run, 10), run.dataset.channels, run.dataset.size)

        assert forecast.flops(run) == found["flops_per_image"]
        assert sizes.tokens(run) == found["tokens"]
        assert f"not a {kind}" in rule.forbidden(run)
        assert prepare(run).threads >= 1


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ["backbone=pyramid", "patch.size=4"],
            "7 x 7 patches of 28 pixels cannot be",
            "patch.size=2",
        ),
        (
            ["backbone=pyramid", "backbone.depth=3"],
            "not the 3 of backbone.depth",
            "backbone.depth=4",
        ),
        (["backbone=hybrid", "backbone.convolutions=2"], "a hybrid has 1 to 1", ""),
        (["backbone=pyramid", "backbone.convolutions=1"], "a pyramid has none", "backbone=hybrid"),
        (["backbone=pyramid", "backbone.kind=plain"], "several stages", "backbone=pyramid"),
        (["backbone=pyramid", "embedding=peg", "embedding.peg.layers=[2]"], "in stage 0 of 2", ""),
    ],
)
def test_what_cannot_be_is_said_at_once(words, message, hint):
    """One line for each problem, with what would do."""
    with pytest.raises(BadInput, match=message) as caught:
        config.compose(words)

    assert hint in (caught.value.problems[0].hint or "")


def test_explains_every_stage():
    """A picture for each stage, its size, tokens and cost."""
    facts = explain(["swin_rpb", "backbone=pyramid"])
    said = " ".join(" ".join(lines(facts, 100, Style.ASCII)).split())

    assert len(facts["strategies"][0]["later_pictures"]) == 1
    assert "2 layers of 32 channels in 2 heads, 4 x 4 cells; 2 layers of 64 channels" in said
    assert "16 tokens of linear patches" in said


def test_shuffled_patches_are_noted():
    """Merging looks over the borders of patches."""
    run = config.compose(["backbone=pyramid", "patch.shuffle=true"])

    assert "pyramid looks over the borders" in " ".join(checks.notes(run))
