"""Operations that move numbers about and change none."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vitpos.pages.live.listing import Listing, Value, paired
from vitpos.pages.live.operations import Given, Number, unknown


def assembled(
    listing: Listing, shape: Sequence[int], fill: float, parts: Sequence[tuple[Value, Tensor]]
) -> Value:
    """Parts, each written where a view of the whole lies."""
    kind = parts[0][0].layout.dtype
    told = []
    for part, place in parts:
        sides = list(part.layout.shape)
        source, to = part.told(), [0, place.storage_offset(), list(place.stride())]
        if kind.is_complex:
            sides, source, to = [*sides, 2], paired(source), paired(to)
        told.append({"shape": sides, "from": source, "to": to[1:]})
    return listing.result("assemble", shape, kind, parts=told, fill=fill)


def cat(listing: Listing, parts: Sequence[Given], axis: int = 0) -> Value:
    """Side by side."""
    values = [listing.value(part) for part in parts]
    layouts = [value.layout for value in values]
    shape = list(layouts[0].shape)
    shape[axis] = sum(layout.shape[axis] for layout in layouts)
    whole = torch.empty(shape, device="meta")
    places = whole.split([layout.shape[axis] for layout in layouts], dim=axis)
    return assembled(listing, shape, 0.0, list(zip(values, places, strict=True)))


def stack(listing: Listing, parts: Sequence[Given], axis: int = 0) -> Value:
    """Side by side along a new axis."""
    values = [listing.value(part) for part in parts]
    return cat(listing, [value.seen(value.layout.unsqueeze(axis)) for value in values], axis)


def pad(listing: Listing, x: Value, sides: Sequence[int], fill: Number = 0) -> Value:
    """A border of one number; a negative one cuts."""
    layout, shape = x.layout, list(x.layout.shape)
    inside = [slice(None)] * layout.ndim
    for i in range(len(sides) // 2):
        axis, (before, after) = layout.ndim - 1 - i, sides[2 * i : 2 * i + 2]
        layout = layout.narrow(axis, max(0, -before), shape[axis] + min(0, before) + min(0, after))
        shape[axis] += before + after
        inside[axis] = slice(max(0, before), shape[axis] - max(0, after))
    whole = torch.empty(shape, device="meta")
    return assembled(listing, shape, float(fill), [(x.seen(layout), whole[tuple(inside)])])


def taken(listing: Listing, target: Any, x: Given, *args: Any, **kwargs: Any) -> Value:
    """Numbers from places that are known: where they lie is asked of torch itself."""
    value = listing.in_order(listing.value(x))
    layout = value.layout
    numbers = torch.arange(layout.numel()).view(layout.shape)
    places = target(numbers, *args, **kwargs)
    if layout.is_complex():
        raise unknown(f"{target} of complex numbers")
    operands = [value.told(), listing.constant(places.to(torch.int32)).told()]
    return listing.result(
        "take", places.shape, torch.float32, shape=list(places.shape), **{"from": operands}
    )
