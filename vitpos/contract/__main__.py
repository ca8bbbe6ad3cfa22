"""`python -m vitpos.contract --embedding=mine --plugin my_package`: pytest on the contract."""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    here = Path(__file__).parent
    # Given by path, so that pytest reads the options in `conftest.py`; with no one else's settings.
    own = ["-o", "addopts=", "-o", "filterwarnings=", "-p", "no:cacheprovider"]
    sys.exit(pytest.main([str(here), *own, *sys.argv[1:]]))
