"""`vitpos data` gets a data set ready and says what it is."""

import pytest
from run_folders import call
from small_data import folder, mnist

from vitpos.data.mnist5k import FILE


def test_the_digits_in_the_package_are_ready(capsys):
    """Where they are, how many, their digest, and how to get all of MNIST."""
    code, said, _ = call(capsys, "data", "mnist5k")

    assert code == 0
    assert str(FILE) in said
    assert "3,500 to learn from, 500 for validation, 1,000 for the test" in said
    assert "sha256    f4592928" in said
    assert "`vitpos data mnist`" in said


def test_files_that_are_there_are_verified(capsys, monkeypatch, tmp_path):
    """Nothing is fetched if all is whole."""
    mnist(tmp_path, monkeypatch)
    words = (f"dataset.root={tmp_path}", "dataset.validation=20")
    code, said, _ = call(capsys, "data", "MNIST", *words)

    assert code == 0
    assert "80 to learn from, 20 for validation, 40 for the test" in said
    assert f"where     {tmp_path}" in said


@pytest.mark.parametrize("size", [8, 30])  # patches of 4 do not tile 30, and need not
def test_a_folder_of_images_is_decoded(capsys, monkeypatch, tmp_path, size):
    """Once; nothing else of a run need fit."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = folder(tmp_path / "images")
    words = ("imagefolder", f"dataset.root={root}", f"dataset.size={size}", "dataset.validation=2")
    code, said, _ = call(capsys, "data", *words)

    assert code == 0
    assert f"{size} x {size}, colour" in said
    assert "decoding images" in said
    assert "decoding images" not in call(capsys, "data", *words)[1]


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["cifar"], 2, "cifar10"),
        (["imagefolder", "dataset.root=/nowhere"], 3, "/nowhere"),
        (["mnist5k", "dataset.sise=3"], 2, "dataset.size"),
        (["mnist5k", "dataset.size=big"], 2, "whole number"),
        (["imagefolder", "dataset.root=${nowhere}"], 2, "nowhere"),
    ],
)
def test_what_is_wrong_is_told(capsys, words, code, hint):
    """Names, places and values, each with its code."""
    found, _, errors = call(capsys, "data", *words)

    assert found == code
    assert hint in errors
