"""Strategies with a bug each, and one without, for the contract to tell apart.

Copied into a package of its own, as a plugin; `test_planted.py` writes its configs.
"""

from typing_extensions import override

from vitpos.build import strategy
from vitpos.specimens import read

Axial, Mixed = strategy(read("rope2d")), strategy(read("rope_mixed"))
RelativeTable = strategy(read("swin_rpb"))


class Sound(Axial):
    """No bug."""


class TurnsPrefix(Axial):
    """Prefix tokens are turned like a cell in the middle."""

    def __init__(self, trunk, **options):
        super().__init__(trunk, **options | {"prefix": "centre"})


class CachedByCount(Axial):
    """Angles are kept by how many tokens there are."""

    @override
    def places(self, site, device):
        kept = self.__dict__.setdefault("kept", {})
        if site.grid.cells not in kept:
            kept[site.grid.cells] = super().places(site, device)
        return kept[site.grid.cells]


class Rounded(Axial):
    """Waves follow the network into half precision."""

    def __init__(self, trunk, **options):
        super().__init__(trunk, **options)
        self.register_buffer("loose", super().waves(0).clone(), persistent=False)

    @override
    def waves(self, layer):
        return self.loose


class OneLayerTurns(Mixed):
    """The first layer's directions in all layers."""

    @override
    def waves(self, layer):
        return super().waves(0)


class OneLayerBiases(RelativeTable):
    """The first layer's table in all layers."""

    @override
    def bias(self, site):
        return super().bias(site._replace(layer=0))


BUGS = {  # the class, whose options it has, and the promises that it breaks
    Sound: ("rope2d", set()),
    TurnsPrefix: ("rope2d", {"test_leaves_prefix_tokens_alone"}),
    CachedByCount: ("rope2d", {"test_what_was_seen_before_changes_nothing"}),
    Rounded: ("rope2d", {"test_numbers_stay_exact_in_half_precision"}),
    OneLayerTurns: ("rope_mixed", {"test_learns_with_every_number"}),
    OneLayerBiases: ("swin_rpb", {"test_learns_with_every_number"}),
}
