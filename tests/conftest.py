"""Every file in configs/embedding/ is a test case by itself, by the name of the file."""

import signal
from collections.abc import Iterator
from pathlib import Path

import amounts
import browser as browsers
import networks
import pytest
import torch
from hypothesis import HealthCheck, settings

from vitpos.bench import record

# The same examples each time, however busy the machine is.
settings.register_profile(
    "the same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("the same")
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup would have it ignored
torch.set_num_threads(1)  # the tensors are tiny: threads only wait for one another


def pytest_addoption(parser):
    """How much is done, and where it is written down."""
    parser.addoption("--torture", action="store_true", help="every point instead of a sample")
    parser.addoption("--figures", metavar="FILE", help="write down what torture tests did")


def pytest_configure(config):
    """Before any test is read: some decide how much they do when they are."""
    amounts.whole = config.getoption("--torture")
    figures = config.getoption("--figures")
    if figures and not hasattr(config, "workerinput"):
        config.pluginmanager.register(amounts.Figures(Path(figures)))


@pytest.fixture(autouse=True)
def _no_bench(tmp_path_factory, monkeypatch):
    """Benches of this machine are none of the tests' business."""
    folder = tmp_path_factory.getbasetemp() / "bench"
    monkeypatch.setattr(record, "kept", lambda: folder)


@pytest.fixture(params=networks.NAMES)
def name(request):
    """The name of one strategy."""
    return request.param


@pytest.fixture(
    params=[("mean", 0), ("mean", 2), ("cls", 0), ("cls", 2)],
    ids=lambda prefix: f"{prefix[0]}-{prefix[1]}",
)
def prefix(request):
    """The fields of a backbone that decide which tokens come before the cells."""
    pool, registers = request.param
    return {"pool": pool, "registers": registers}


@pytest.fixture
def images():
    """Four images of noise, on the grid that the networks were built for."""
    return networks.noise(4, 3, networks.SIZE, networks.SIZE, seed=1)


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[browsers.Browser]:
    """A window of a real browser, the same for all tests of this process."""
    browsers.skip_or_fail()
    with browsers.browser(tmp_path_factory.mktemp("browser")) as window:
        yield window


def pytest_collection_modifyitems(items):
    """Leave out what needs a GPU where there is none, and say so."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))
