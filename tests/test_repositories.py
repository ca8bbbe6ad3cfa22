"""Every strategy says what its authors' code says, where that code is at hand."""

import importlib
import pkgutil

import pytest
import repositories
from repositories.loading import clone

ORACLES = [
    oracle
    for module in pkgutil.iter_modules(repositories.__path__)
    for oracle in getattr(importlib.import_module(f"repositories.{module.name}"), "ORACLES", [])
]
CASES = [
    pytest.param(oracle, case, id=f"{oracle.embedding}-{oracle.package}-{i}")
    for oracle in ORACLES
    for i, case in enumerate(oracle.cases)
]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("oracle", "case"), CASES)
def test_says_what_its_authors_code_says(oracle, case):
    """Each tensor within a relative error of 1e-5 in float32, 1e-6 in float64."""
    if clone(oracle.package) is None:
        pytest.skip(f"no clone of {oracle.package} in $VITPOS_REPOSITORIES")
    answers = list(oracle.ask(case))

    assert answers
    assert [(a.what, a.error) for a in answers if not a.error <= a.limit] == []
