"""The body of a small study, as its file would hold it."""

from typing import Any

BODY: dict[str, Any] = {
    "question": "Which?",
    "source": "here",
    "base": {"dataset": "mnist5k", "training": "smoke"},
    "arms": {"a": {"embedding": "none"}, "b": {"embedding": "learned1d"}},
    "baseline": "a",
    "seeds": 2,
    "metric": "test/accuracy",
    "direction": "up",
    "alpha": 0.05,
    "smallest_effect": 0.005,
    "looks": 1,
}
