"""`vitpos doctor` finds what is wrong with a machine, and says what to do."""

import json
import shutil
from importlib import metadata
from types import SimpleNamespace

import pytest
from run_folders import call

from vitpos import config, doctor
from vitpos.data import vision
from vitpos.errors import BadInput


def by_name(found):
    """The findings by what was looked at."""
    return {finding.what: finding for finding in found}


def test_looks_at_everything(capsys):
    """A line for each thing, the same for programs, and a code that tells of failures only."""
    code, said, _ = call(capsys, "doctor", "--json")
    found = json.loads(said)
    _, lines, _ = call(capsys, "doctor")

    assert {"python", "torch", "device", "arithmetic", "cores", "outputs", "configs", "loader"} <= {
        finding["what"] for finding in found
    }
    assert {finding["state"] for finding in found} <= {"ok", "warn", "fail"}
    assert all(finding["todo"] for finding in found if finding["state"] != "ok")
    assert code == int(any(finding["state"] == "fail" for finding in found))
    assert all(finding["what"] in lines for finding in found)


def test_a_failure_is_1(capsys, monkeypatch):
    """One check that fails is enough."""
    failing = [doctor.Finding("x", "fail", "said", "todo")]
    monkeypatch.setattr(doctor, "findings", lambda: failing)

    assert call(capsys, "doctor")[:2] == (1, f"fail x            said\n{'':18}-> todo\n")


def test_a_check_that_breaks_is_a_finding(monkeypatch):
    """A doctor does not fall ill with the patient."""

    def device():
        raise OSError("libcudart.so is missing")

    monkeypatch.setattr(doctor, "device", device)
    finding = by_name(doctor.findings())["device"]

    assert (finding.state, finding.said) == ("fail", "OSError: libcudart.so is missing")


def test_missing_and_old_packages_fail(monkeypatch):
    """With the command that installs what is needed."""
    versions = dict.fromkeys(doctor.NEEDED, "99") | {"torch": "2.0.1+cpu"}
    del versions["typer"]

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: ["torch>=2.11", "typer>=0.24"])
    found = by_name(doctor.versions())

    assert (found["torch"].state, found["torch"].todo) == ("fail", 'pip install "torch>=2.11"')
    assert (found["typer"].state, found["typer"].said) == ("fail", "not installed")
    assert found["rich"].state == "ok"


def test_a_torchvision_that_does_not_fit_is_a_warning(monkeypatch):
    """Data inside the package does without it."""

    def torchvision():
        raise BadInput("does not fit", "reinstall")

    monkeypatch.setattr(vision, "torchvision", torchvision)
    (finding,) = doctor.torch_and_vision()

    assert finding.state == "warn"
    assert "reinstall" in finding.todo
    assert "mnist5k" in finding.todo


@pytest.mark.parametrize(
    ("free", "state"), [(2**20, "fail"), (2**30, "warn"), (2**34, "ok")], ids=str
)
def test_a_full_disk_fails(monkeypatch, free, state):
    """Less than a run needs fails, less than a study needs warns."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    (finding,) = doctor.disk()

    assert finding.state == state


def test_an_output_folder_must_be_one(monkeypatch, tmp_path):
    """A file in the place of `outputs` fails."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").write_text("")
    (finding,) = doctor.disk()

    assert finding.state == "fail"


@pytest.fixture
def checkout(tmp_path):
    """A package beside its configs."""
    shutil.copytree(config.folder(), tmp_path / "configs")
    (tmp_path / "vitpos").mkdir()
    return tmp_path


def test_a_checkout_has_one_folder_of_configs(checkout):
    """Nothing to say."""
    assert list(doctor.shadowed(checkout / "vitpos")) == []


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda folder: None, "warn"),
        (lambda folder: (folder / "embedding" / "mine.yaml").write_text("# mine"), "fail"),
        (lambda folder: (folder / "embedding" / "none.yaml").unlink(), "fail"),
        (lambda folder: (folder / "train.yaml").open("a").write("#"), "fail"),
    ],
    ids=["same", "more", "less", "other"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_old_copy_of_the_configs_fails(checkout, change, state):
    """`vitpos/configs` is read first: one that differs hides what is in `configs`."""
    copy = checkout / "vitpos" / "configs"
    shutil.copytree(checkout / "configs", copy)
    change(copy)
    (finding,) = doctor.shadowed(checkout / "vitpos")

    assert finding.state == state
    assert str(copy) in finding.todo


def test_missing_configs_fail(monkeypatch, tmp_path):
    """With what to unset."""
    monkeypatch.setenv("VITPOS_CONFIGS", str(tmp_path))
    (finding,) = doctor.configs()

    assert finding.state == "fail"
    assert "VITPOS_CONFIGS" in finding.todo


def test_a_package_that_hides_plugins_fails(tmp_path):
    """`hydra_plugins/__init__.py` anywhere on the path."""
    plugin = tmp_path / "hydra_plugins"
    plugin.mkdir()
    before = list(doctor.plugins([str(tmp_path)]))
    (plugin / "__init__.py").write_text("")
    (finding,) = doctor.plugins([str(tmp_path), str(tmp_path)])

    assert before == []
    assert finding.state == "fail"


def test_without_the_fast_loader_tensorboard_is_slow(monkeypatch):
    """A warning with the package's name."""
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)
    (finding,) = doctor.loader()

    assert finding.state == "warn"
    assert "tensorboard-data-server" in finding.todo


def test_a_container_has_less_memory(monkeypatch):
    """The smaller of the machine's and the container's counts."""
    monkeypatch.setattr(doctor, "free_memory", lambda: 2.0**40)
    monkeypatch.setattr(doctor, "container_memory", lambda: 2.0**30)
    (finding,) = doctor.memory()

    assert finding.state == "warn"
    assert finding.said == "1.0 GiB free"
