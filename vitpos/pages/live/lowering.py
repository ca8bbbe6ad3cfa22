"""A program of ATen as the list of steps that the page runs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from vitpos.pages.live.arranging import cat, pad, stack, taken
from vitpos.pages.live.listing import Listing, Value
from vitpos.pages.live.operations import (
    GATHERED,
    OF_ONE,
    OF_TWO,
    clamp,
    elementwise,
    gelu,
    of_one,
    pair,
    scaled,
    softplus,
    unknown,
)
from vitpos.pages.live.products import (
    back,
    convolve,
    gathered,
    layer_norm,
    product,
    softmax,
    spectrum,
    with_bias,
)
from vitpos.pages.live.tracing import Program, Slot

aten = torch.ops.aten

SAME = {aten.clone.default, aten._to_copy.default}  # numbers stay what they are
VIEWS = {aten._unsafe_view.default: aten.view.default, aten.reshape.default: aten.view.default}
TAKES = {
    aten.index.Tensor, aten.index_select.default, aten.gather.default, aten.flip.default,
    aten.roll.default, aten.repeat.default, aten.replication_pad2d.default,
    aten.reflection_pad2d.default,
}  # fmt: skip
OTHERS: dict[Any, Callable[..., Any]] = {
    aten.clamp.default: clamp,
    aten.gelu.default: gelu,
    aten.where.self: lambda listing, *given: elementwise(listing, "where", *given),
    aten.complex.default: pair,
    aten.mm.default: product,
    aten.bmm.default: product,
    aten.addmm.default: with_bias,
    aten.baddbmm.default: with_bias,
    aten._softmax.default: softmax,
    aten.native_layer_norm.default: layer_norm,
    aten.convolution.default: convolve,
    aten.cat.default: cat,
    aten.stack.default: stack,
    aten.softplus.default: softplus,
    aten._fft_r2c.default: spectrum,
    aten._fft_c2r.default: back,
    aten.constant_pad_nd.default: pad,
}


def lowered(program: Program) -> tuple[Listing, Value, list[Value]]:
    """All steps, the buffer of the picture, and the values that are told."""
    listing = Listing(program.own)
    layout = torch.empty(program.shape, device="meta")
    picture = Value(listing.buffer(layout.numel()), layout)
    values: dict[Slot, Value] = {Slot(0): picture}
    for one in program.steps:
        args, kwargs = (
            tree_map_only(Slot, values.__getitem__, part) for part in (one.args, one.kwargs)
        )
        found = step(listing, one.target, args, kwargs)
        named = zip(tree_leaves(one.out), tree_leaves(found), strict=True)
        values |= {slot: value for slot, value in named if isinstance(slot, Slot)}
    outputs = tree_map_only(Slot, values.__getitem__, list(program.outputs))
    return listing, picture, [listing.value(value) for value in outputs]


def step(listing: Listing, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a node becomes: a view of what is there, or the result of a step of the page."""
    if target in SAME:
        return args[0]
    if target in VIEWS or is_view(target):
        return view(listing, VIEWS.get(target, target), *args, **kwargs)
    if target in OF_ONE:
        return of_one(listing, OF_ONE[target], *args)
    if target in OF_TWO:
        return scaled(listing, OF_TWO[target], *args, **kwargs)
    if target in GATHERED:
        return gathered(listing, GATHERED[target], *args, **kwargs)
    if target in TAKES:
        return taken(listing, target, *args, **kwargs)
    if target in OTHERS:
        return OTHERS[target](listing, *args, **kwargs)
    raise unknown(f"{target}")


def is_view(target: Any) -> bool:
    """Whether its schema says that it gives back what it was given, in another order."""
    said = [one.alias_info for one in target._schema.returns]
    return bool(said) and all(one is not None and not one.is_write for one in said)


def view(listing: Listing, target: Any, x: Value, *args: Any, **kwargs: Any) -> Any:
    """The same numbers walked in another way; in order first, if they cannot be walked so."""
    try:
        found = target(x.layout, *args, **kwargs)
    except RuntimeError:
        x = listing.in_order(x)
        found = target(x.layout, *args, **kwargs)
    if isinstance(found, Tensor):
        return x.seen(found)
    return [x.seen(one) for one in found]
