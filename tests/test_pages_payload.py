"""Numbers as bytes, and pages' data as text."""

import json
import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitpos.pages import coded
from vitpos.pages.payload import Packed, unpacked

numbers = st.floats(-1e6, 1e6) | st.just(math.nan)
lists = st.lists(numbers, min_size=1, max_size=30)


@given(lists)
def test_a_sign_costs_no_more_than_half_a_step(values: list[float]) -> None:
    """Zero is code 127, what is no number 255, and the rest is off by half a step at most."""
    x = np.array([*values, 0.0])
    found = coded.signed(x)
    there = np.isfinite(x)

    assert found.low == -found.high
    assert found.codes[-1] == 127
    assert found.values()[-1] == 0
    assert ((found.codes == 255) == ~there).all()
    assert np.abs(found.values() - x)[there].max() <= found.high / 254 * (1 + 1e-3)


@given(lists)
def test_without_a_sign_the_ends_are_the_range(values: list[float]) -> None:
    """The smallest is code 0, the largest 254."""
    x = np.array(values)
    found = coded.unsigned(x)
    there = np.isfinite(x)
    step = (found.high - found.low) / 254

    assert np.abs(found.values() - x)[there].max(initial=0) <= 0.51 * step + 1e-5 * abs(
        x[there]
    ).max(initial=0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_small_shares_keep_more_digits(values: list[float]) -> None:
    """Of shares, the error at p is at most that of a step of the root."""
    x = np.array(values)
    found = coded.shares(x)
    root = found.high**0.5 / 254

    assert (np.abs(found.values() - x) <= root * (np.sqrt(x) + root) + 1e-5).all()


@given(st.binary(min_size=1, max_size=50))
def test_pixels_stay_as_they_are(content: bytes) -> None:
    """All of 0..255 means itself."""
    pixels = np.frombuffer(content, np.uint8)

    assert (coded.raw(pixels).values() == pixels).all()


def facts() -> dict[str, Any]:
    """Some, with arrays of several shapes within lists and mappings."""
    return {
        "title": "</script><b>&\u2028",
        "list": [{"x": coded.signed(np.arange(6.0).reshape(2, 3))}, None],
        "pixels": coded.raw(np.arange(256)),
        "bad": [math.nan, math.inf, 1.5],
    }


def test_arrays_come_back_from_where_the_description_says() -> None:
    """Each with its shape; numbers that JSON does not have are null."""
    packed = Packed(facts())
    meta, data = unpacked(packed.meta, packed.blob)
    told = meta["list"][0]["x"]
    codes = np.frombuffer(data, np.uint8, count=6, offset=told["at"]).reshape(told["shape"])

    assert (codes == coded.signed(np.arange(6.0).reshape(2, 3)).codes).all()
    assert data[meta["pixels"]["at"] :][:256] == bytes(range(256))
    assert meta["pixels"]["raw"] is True
    assert meta["bad"] == [None, None, 1.5]
    assert meta["title"] == facts()["title"]


def test_nothing_in_it_can_end_a_script() -> None:
    """There is no `<` at all, and only ASCII."""
    packed = Packed(facts())

    assert "<" not in packed.meta + packed.blob
    assert (packed.meta + packed.blob).isascii()


def test_the_same_facts_are_the_same_bytes() -> None:
    """Whatever the order of their keys."""
    one, other = Packed(facts()), Packed(dict(reversed(facts().items())))

    assert (one.meta, one.blob) == (other.meta, other.blob)
    assert list(json.loads(one.meta)) == sorted(facts())
