"""A page stays within its budget, and says what it left out."""

from typing import Any

import numpy as np
import pytest

from vitpos.errors import BadInput
from vitpos.pages import coded
from vitpos.pages.ladder import KINDS, RUNGS, fitted
from vitpos.pages.payload import arrays

RANDOM = np.random.default_rng(0)


def card(cells: int, layers: int, heads: int, images: int, dim: int = 16) -> dict[str, Any]:
    """What is heavy in a card, of noise, which nothing can pack."""
    noise = RANDOM.random
    whole = noise((images, layers, heads, cells, cells))
    rungs = {
        "heads": (whole, None),
        "mean": (whole.mean(2, keepdims=True), None),
        "queries": (whole[..., :4, :], [0, 1, 2, 3]),
        "prefix": (whole[..., :1, :], [0]),
    }
    table = coded.signed(noise((cells, dim)))
    return {
        "name": "a",
        "objects": [
            {
                "kind": "table",
                "now": table,
                "start": coded.signed(noise((cells, dim))),
                "history": [
                    {"step": i, "values": coded.signed(noise((cells, dim)))} for i in range(5)
                ],
                "similarity": coded.cosines(noise((cells, cells))),
                "other": {"values": coded.signed(noise((2 * cells, dim)))},
            }
        ],
        "similarity": coded.cosines(noise((layers + 1, cells, cells))),
        "similarity_of": list(range(-1, layers)),
        "added": {n: coded.signed(noise((images, cells, dim))) for n in ("before", "difference")},
        "attention": {
            "heads": heads,
            "layers": list(range(layers)),
            "rungs": {
                kind: {"values": coded.shares(x), "queries": queries}
                for kind, (x, queries) in rungs.items()
            },
        },
    }


def facts(arms: int, **sizes: int) -> dict[str, Any]:
    """As many arms, all the same size."""
    return {"left_out": ["said before"], "arms": [card(**sizes) for _ in range(arms)]}


SMALL = {"cells": 16, "layers": 2, "heads": 2, "images": 2}
WHOLE = facts(2, **SMALL)


def test_what_fits_is_whole() -> None:
    """Nothing is left out without need, and nothing else is said."""
    found, _ = fitted(WHOLE, 10**6, 0)

    assert [arm["attention"]["rung"] for arm in found["arms"]] == ["heads"] * 2
    assert found["left_out"] == ["said before"]
    assert len(found["arms"][0]["objects"][0]["history"]) == 5


@pytest.mark.parametrize("share", [0.9, 0.7, 0.5, 0.3, 0.2])
def test_a_budget_is_kept(share: float) -> None:
    """Whatever it is; with less room there is less, and every loss has its sentence."""
    _, whole = fitted(WHOLE, 10**6, 0)
    found, packed = fitted(WHOLE, int(share * whole.size), 100)

    assert packed.size + 100 <= share * whole.size
    assert len(found["left_out"]) > 1
    assert all(text.endswith(".") for text in found["left_out"][1:])
    assert sum("on the way" in text for text in found["left_out"]) <= 1


def test_less_room_never_shows_more() -> None:
    """Attention falls rung by rung."""
    _, whole = fitted(WHOLE, 10**6, 0)
    shown = []
    for share in np.linspace(1, 0.15, 12):
        found, _ = fitted(WHOLE, int(share * whole.size), 0)
        shown.append(KINDS.index(found["arms"][0]["attention"]["rung"]))
        size = sum(array.codes.size for array in arrays(found))

        assert size <= sum(array.codes.size for array in arrays(WHOLE))
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] > 1


@pytest.mark.parametrize(
    ("arms", "sizes", "rung"),
    [
        (1, {"cells": 257, "layers": 6, "heads": 6, "images": 2}, "mean"),
        (6, {"cells": 257, "layers": 6, "heads": 6, "images": 2}, "queries"),
        (60, {"cells": 16, "layers": 4, "heads": 4, "images": 2}, "heads"),
        (1, {"cells": 1, "layers": 1, "heads": 1, "images": 1}, "heads"),
    ],
)
def test_large_pages_fall_down_the_ladder(arms: int, sizes: dict[str, int], rung: str) -> None:
    """3 MB hold 60 small arms whole, and of large grids what can be seen."""
    found, packed = fitted(facts(arms, **sizes), 3 * 10**6, 200_000)

    assert packed.size <= 2.8e6
    assert {arm["attention"]["rung"] for arm in found["arms"]} == {rung}


def test_no_room_at_all_is_an_error() -> None:
    """That says how much would do."""
    with pytest.raises(BadInput, match=r"fits in 0\.001 MB") as error:
        fitted(WHOLE, 1000, 0)
    least = float(error.value.hint.removeprefix("--max-mb "))
    fitted(WHOLE, int(least * 1e6), 0)


def test_rungs_go_down() -> None:
    """Each has no finer attention, and no more beside it, than the one before."""
    order = [(KINDS.index(rung.kind), rung.thinner) for rung in RUNGS]

    assert order == sorted(order)
