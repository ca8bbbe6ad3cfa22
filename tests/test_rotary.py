"""Rotations by angles: what makes them relative, and where each dialect stands still."""

import math

import networks
import pytest
import torch
from networks import loud, noise, position

from vitpos.embeddings.base import Site
from vitpos.embeddings.rotary import Rotary
from vitpos.errors import BadInput
from vitpos.grid import Grid

CPU, GRID = torch.device("cpu"), Grid(3, 5)
SITE = Site(GRID, layer=1, prefix=0)
TURNING = [name for name in networks.NAMES if isinstance(position(name), Rotary)]
BROKEN, CLAMPED = "rope_vjepa2_as_released", "rope_spiral_as_released"
RIGID = [name for name in TURNING if name not in (BROKEN, CLAMPED)]
COUNTED = [name for name in RIGID if networks.options(name)[name].get("coords") == "index"]
FREE = ["rope_mixed", "rope_mixed_liere", "rope_mixed_pape"]
MOVED = {"shift": 0.5, "jitter": 1.0, "rescale": 1.0, "local": 0.0}
DRAWS = noise(2, 3 + GRID.cells, seed=4).sigmoid()


def made(name, **changes):
    """A strategy with parameters that cannot be overheard."""
    return loud(position(name, changes=changes))


def rotations(strategy, site=SITE):
    """The matrix of every cell and head, [heads, cells, head_dim, head_dim], in columns."""
    x = torch.eye(16)[:, None, None].expand(-1, 2, site.grid.cells, -1)
    return strategy.heads(x, x, site)[0].permute(1, 2, 3, 0)


def spread(strategy, site=SITE):
    """How far logits of cells equally far apart differ when all cells hold the same vectors."""
    q, k = (noise(1, 2, 1, 16, seed=i).expand(-1, -1, site.grid.cells, -1) for i in (1, 2))
    q, k = strategy.heads(q, k, site)
    logits, numbers = (q @ k.mT)[0], site.grid.offset_numbers(CPU)
    same = [logits[:, numbers == number] for number in numbers.unique()]
    return max((x - x[:, :1]).abs().max().item() for x in same)


def stretch(strategy, site=SITE):
    """How far the length of a vector changes."""
    x = noise(2, 2, site.grid.cells, 16)
    return (strategy.heads(x, x, site)[0].norm(dim=-1) - x.norm(dim=-1)).abs().max().item()


@pytest.mark.parametrize("name", RIGID)
@torch.no_grad()
def test_lengths_stay_and_only_offsets_count(name):
    """Every rotation keeps norms, and its logits see the difference of places alone."""
    strategy = made(name)

    assert stretch(strategy) < 1e-5
    assert spread(strategy) < 1e-4


@torch.no_grad()
def test_the_released_vjepa2_is_no_rotation():
    """It changes norms, and logits at the same offset differ from place to place."""
    strategy = made(BROKEN)

    assert stretch(strategy) > 0.1
    assert spread(strategy) > 0.1


@torch.no_grad()
def test_the_released_spiral_is_not_relative():
    """It keeps norms, but its angles stop growing in the corners of the grid."""
    strategy = made(CLAMPED, theta=10.0)

    assert stretch(strategy) < 1e-5
    assert spread(strategy) > 0.1


@pytest.mark.parametrize("name", COUNTED)
@torch.no_grad()
def test_rotations_compose(name):
    """Back by one place and on by another is the rotation of the difference."""
    turned = rotations(made(name, new_grid="extrapolate")).unflatten(1, GRID)
    for p, q in ((1, 1), (2, 4)), ((0, 3), (2, 4)), ((1, 0), (1, 2)):
        there = turned[:, p[0], p[1]].mT @ turned[:, q[0], q[1]]
        torch.testing.assert_close(there, turned[:, q[0] - p[0], q[1] - p[1]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", [n for n in RIGID if n != "rope1d"])
@torch.no_grad()
def test_moving_all_coordinates_changes_nothing_between_cells(name):
    """A shift turns every vector and leaves all logits of cells as they are."""
    strategy = made(name, augment=MOVED)
    q, k = noise(1, 2, 15, 16, seed=1), noise(1, 2, 15, 16, seed=2)
    here, there = strategy.heads(q, k, SITE), strategy.heads(q, k, SITE._replace(draws=DRAWS))

    assert (here[0] - there[0]).abs().max() > 1e-2
    torch.testing.assert_close(there[0] @ there[1].mT, here[0] @ here[1].mT, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [n for n in TURNING if n != "rope1d"])
@torch.no_grad()
def test_coordinates_move_in_training_only_and_only_if_asked(name):
    """Without draws, or with the file's own augmentation, angles are what they are."""
    quiet, moved = made(name), made(name, augment=MOVED | {"jitter": 2.0, "local": 0.5})
    drawn = SITE._replace(draws=DRAWS)

    assert torch.equal(quiet.angles(drawn), quiet.angles(SITE))
    assert torch.equal(moved.angles(SITE), quiet.angles(SITE))
    assert not torch.allclose(moved.angles(drawn), quiet.angles(SITE), atol=1e-2)


@pytest.mark.parametrize("name", FREE)
@torch.no_grad()
def test_zero_frequencies_turn_nothing(name):
    """A wave of endless length is the identity."""
    strategy = position(name)
    strategy.frequencies.zero_()
    x = noise(1, 2, 15, 16)

    assert torch.equal(strategy.heads(x, x, SITE)[0], x)


@pytest.mark.parametrize("name", FREE)
@torch.no_grad()
def test_mixed_along_the_axes_is_axial(name):
    """Learned directions contain the fixed ones."""
    switches = {"coords": "index", "pairing": "neighbours"}
    axial, mixed = position("rope2d"), position(name, changes=switches)
    mixed.frequencies.copy_(axial.waves(0)[:, None].expand_as(mixed.frequencies))
    x = noise(1, 2, 15, 16)

    torch.testing.assert_close(mixed.heads(x, x, SITE), axial.heads(x, x, SITE))


@pytest.mark.parametrize("name", [n for n in RIGID if n != "rope_spiral"])
@torch.no_grad()
def test_partial_rotation_leaves_the_last_channels(name):
    """A fraction of a half turns the first eight of 16 channels, all of them, and no other."""
    x = noise(1, 2, 15, 16)
    turned, _ = made(name, fraction=0.5).heads(x, x, SITE)
    still = (turned == x).flatten(0, 2).all(0)

    assert still[8:].all()
    assert still[:8].sum() == (4 if name == "mrope" else 0)


@pytest.mark.parametrize("name", [n for n in TURNING if n != CLAMPED])
@torch.no_grad()
def test_prefix_tokens_turn_as_the_switch_says(name):
    """Not at all, like a cell in the middle, or like one a step before the first."""
    site = SITE._replace(prefix=2)
    rotors = {
        kind: made(name, prefix=kind).rotors(site) for kind in ("identity", "centre", "before")
    }
    angles = made(name).angles(SITE)
    down, right = (angles[:, i] - angles[:, 0] for i in (5, 1))
    step = right if name == "rope1d" else down + right
    wanted = {
        "identity": torch.zeros_like(step),
        "centre": angles.mean(1),
        "before": angles[:, 0] - step,
    }
    for kind, angle in wanted.items():
        lead = torch.polar(torch.ones_like(angle), angle)
        torch.testing.assert_close(rotors[kind][:, 0], lead, atol=1e-4, rtol=1e-4)
        assert torch.equal(rotors[kind][:, 1], rotors[kind][:, 0])
        assert torch.equal(rotors[kind][:, 2:], rotors["identity"][:, 2:])


ORDER = {
    "cols_rows": list(range(8)),
    "rows_cols": [4, 5, 6, 7, 0, 1, 2, 3],
    "alternate": [0, 4, 1, 5, 2, 6, 3, 7],
}
PAIRS = {
    "neighbours": [(2 * k, 2 * k + 1) for k in range(8)],
    "halves": [(k, k + 8) for k in range(8)],
    "quarters": [(k + k // 4 * 4, k + k // 4 * 4 + 4) for k in range(8)],
}


@pytest.mark.parametrize("layout", ORDER)
@pytest.mark.parametrize("pairing", PAIRS)
@torch.no_grad()
def test_dialects_are_names_for_the_same_planes(layout, pairing):
    """With channels renamed, every order of planes and every pairing gives the same logits."""
    plain, dialect = position("rope2d"), made("rope2d", layout=layout, pairing=pairing)
    to = torch.tensor([PAIRS[pairing][i] for i in range(8)]).flatten()
    of = torch.tensor([PAIRS["neighbours"][i] for i in ORDER[layout]]).flatten()
    q, k = noise(1, 2, 15, 16, seed=1), noise(1, 2, 15, 16, seed=2)
    renamed = []
    for x in (q, k):
        other = torch.empty_like(x)
        other[..., to] = x[..., of]
        renamed.append(other)
    a, b = plain.heads(q, k, SITE)
    c, d = dialect.heads(*renamed, SITE)

    torch.testing.assert_close(c @ d.mT, a @ b.mT, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rope2d", {"layout": "diagonal"}),
        ("rope2d", {"spectrum": "half"}),
        ("rope2d", {"theta": 0.5}),
        ("rope_pixel", {"spacing": "cubic"}),
        ("rope_spiral", {"directions": 3}),
        ("rope_spiral", {"group": 3}),
        ("rope_golden", {"highest": 0.5}),
        ("rope1d", {"order": "zigzag"}),
        ("rope_value", {"turns": "keys"}),
    ],
)
def test_options_that_mean_nothing_are_refused(name, change):
    """With a sentence that names the option or the numbers that do not fit."""
    with pytest.raises(BadInput, match=rf"embedding\.{name}: .*\d|is one of"):
        position(name, changes=change)


def built(name, head_dim):
    """The strategy for heads of this width, or none if it refuses."""
    try:
        return position(name, dim=2 * head_dim)
    except BadInput:
        return None


@pytest.mark.parametrize("name", TURNING)
@pytest.mark.parametrize("head_dim", [3, 4, 6, 10, 20])
@torch.no_grad()
def test_a_head_is_served_whole_or_refused(name, head_dim):
    """No width is cut short in silence: as many planes turn as the strategy is meant to turn."""
    strategy = built(name, head_dim)
    if strategy is None:
        unit = {BROKEN: 6, "mrope": 6, "rope_hdit": 8, "rope_spiral": 16, CLAMPED: 16}.get(name, 4)
        assert head_dim % 2 or head_dim % unit
        return
    share = {"rope_hdit": 0.5}.get(name, 1.0)
    planes = 3 * (head_dim // 6) if name == BROKEN else share * head_dim / 2
    turning = (strategy.waves(1) != 0).any(0).sum(-1).min()
    idle = {"mrope": len(range(0, int(planes), 3)), BROKEN: head_dim // 6}.get(name, 0)

    assert strategy.waves(1).shape[-1] == planes
    assert turning == planes - idle


@torch.no_grad()
def test_golden_directions_fill_the_circle():
    """Of 96 directions each eighth of a turn gets 11 to 13; random ones do not manage that."""
    rows, cols = (x.flatten() for x in position("rope_golden", dim=96, heads=2, depth=1).waves(0))
    many = position("rope_golden", dim=192, heads=2).waves(0).flatten(1)
    eighths = (torch.atan2(*many) / (math.pi / 4)).floor().int()

    assert len(rows) == 48
    assert (rows.square() + cols.square()).sqrt().max() == pytest.approx(20.0)
    assert {int((eighths == i).sum()) for i in range(-4, 4)} <= {11, 12, 13}


@torch.no_grad()
def test_random_directions_belong_to_the_state():
    """They differ by seed, are saved, and come back bit for bit from half precision."""
    first, other = position("rope_random"), position("rope_random", seed=1)
    wanted = first.waves(0).clone()

    assert not torch.equal(other.waves(0), wanted)
    other.bfloat16().load_state_dict(first.bfloat16().state_dict())
    assert torch.equal(other.waves(0), wanted)


@torch.no_grad()
def test_spiral_directions_fan_over_half_a_turn():
    """Four directions are 45 degrees apart; two are the axes."""
    waves = position("rope_spiral", dim=64).waves(0)[:, 0]
    angles = torch.atan2(waves[0], waves[1]).rad2deg() % 180
    axes = position("rope_spiral", changes={"directions": 2, "scale": 1.0, "theta": 100.0})
    plain = position("rope2d", changes={"layout": "rows_cols", "new_grid": "pi"})

    assert angles.round().unique().tolist() == [0, 45, 90, 135]
    assert waves.norm(dim=0).unique().numel() == 8  # each wavelength once along each of two axes
    torch.testing.assert_close(axes.angles(SITE), plain.angles(SITE))


@torch.no_grad()
def test_uniform_rotation_has_one_frequency():
    """All planes of rows, and all of columns, turn at the same pace."""
    assert position("rope_uniform").waves(0).unique().tolist() == [0.0, 1.0]


@torch.no_grad()
def test_a_sequence_is_seen_by_its_numbers_alone():
    """Along a snake, the end of a row and the beginning of the next are neighbours."""
    snake = position("rope1d", changes={"order": "snake"}).angles(SITE)[0]
    raster = position("rope1d").angles(SITE)[0]

    assert torch.equal(snake[[0, 4, 9, 5, 10]], raster[[0, 4, 5, 9, 10]])
