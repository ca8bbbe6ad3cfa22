"""Every strategy says what its reference says, gradients included."""

import pytest

from vitpos.oracles.base import known

CASES = [
    pytest.param(oracle, case, id=f"{oracle.embedding}-{oracle.package}-{i}")
    for oracle in known()
    for i, case in enumerate(oracle.cases)
]


@pytest.mark.parametrize(("oracle", "case"), CASES)
def test_says_what_its_reference_says(oracle, case):
    """Each tensor within a relative error of 1e-5 in float32, 1e-6 in float64."""
    answers = list(oracle.ask(case))

    assert answers
    assert [(a.what, a.error) for a in answers if not a.error <= a.limit] == []
