"""A torchvision that does not fit its torch."""

import sys
from pathlib import Path

import pytest
from small_data import dataset, mnist

from vitpos.data import vision
from vitpos.data.sources import load
from vitpos.errors import BadInput

ERRORS = [
    RuntimeError("operator torchvision::nms does not exist\nmore lines"),
    ImportError("undefined symbol: _ZN3c10"),
    AttributeError("partially initialized module 'torchvision' has no attribute 'extension'"),
    OSError("libcudart.so.13: cannot open shared object file"),
]


def broken(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, importing torchvision fails like this."""

    def fail(name: str) -> object:
        raise error

    monkeypatch.setattr(vision, "import_module", fail)


def test_gives_the_package() -> None:
    """A pair that fits is imported, with its data sets."""
    assert vision.torchvision().datasets is sys.modules["torchvision.datasets"]


@pytest.mark.parametrize("error", ERRORS)
def test_names_both_versions_and_the_cure(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One line with the two versions and the reason; the hint is what to install."""
    mnist(tmp_path, monkeypatch)
    broken(error, monkeypatch)

    with pytest.raises(BadInput) as caught:
        load(dataset("mnist", root=str(tmp_path), validation=20))
    for package in ("torch", "torchvision"):
        assert f"{package} {vision.version(package)}" in caught.value.message
    assert str(error).splitlines()[0] in caught.value.message
    assert "\n" not in caught.value.message
    assert "pip install --force-reinstall torch torchvision" in caught.value.hint


def test_shipped_data_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digits of the package need no torchvision."""
    broken(ERRORS[0], monkeypatch)

    assert len(load(dataset("mnist5k")).test.labels) == 1000


def test_says_if_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not installed is another line than not fitting."""
    broken(ModuleNotFoundError("No module named 'torchvision'"), monkeypatch)
    monkeypatch.setattr(vision, "version", lambda package: None)

    with pytest.raises(BadInput, match="torchvision is not installed"):
        vision.torchvision()
