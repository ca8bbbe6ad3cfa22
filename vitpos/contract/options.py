"""The options of the contract, known to pytest wherever vitpos is installed.

pytest reads the options of a package that it is given by name only from such a plugin.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--embedding` and `--plugin`."""
    group = parser.getgroup("vitpos")
    group.addoption("--embedding", default="", help="vitpos.contract examines these: a,b+c")
    group.addoption(
        "--plugin",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="vitpos.contract trusts the strategies of this package; may be given again",
    )
