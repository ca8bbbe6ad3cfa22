"""How long a sweep may take, as people write it."""

import pytest

from vitpos.errors import BadInput
from vitpos.sweeps import budgets


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), (None, None), (" 1H ", 3600)],
)
def test_budgets_are_read(text, seconds):
    """As people write them."""
    assert budgets.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "1.5h", "0m", "-2h", "2h30", "30m1h"])
def test_what_is_no_budget_is_told(text):
    """With examples."""
    with pytest.raises(BadInput, match="not a time"):
        budgets.seconds(text)
