"""Several processes train the network that one process would train."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import _quick, compose, few
from small_worlds import Acted, act

from vitpos import build, config, machine, ranks, world
from vitpos.errors import BadInput, Lost
from vitpos.ranks import Here
from vitpos.signals import Stop
from vitpos.train import Epoch, Loop

__all__ = ["_quick"]
PLAIN = ("training.batch_size=16", "training.limit=48", "training.epochs=2", "embedding=learned1d")
MIXED = (*PLAIN, "training.augment.mixup=0.8", "training.augment.cutmix=1.0", "training.ema=0.9",
         "training.augment.erase=0.5", "training.augment.policy=trivial")  # fmt: skip
EXACT = (*MIXED, "embedding=none")  # tables of positions are float32 in any case


def several(monkeypatch: pytest.MonkeyPatch, rank: int = 1, size: int = 2) -> None:
    """The environment that torchrun would make."""
    names = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
    for name, number in names.items():
        monkeypatch.setenv(name, str(number))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")


def learned(size: int, *words: str, twice: bool = False) -> list[dict[str, torch.Tensor]]:
    """The state of each of `size` processes after such a run, its lines of metrics added."""
    run = compose("unused", *words)
    data = few(run.dataset)
    models = [
        build.network(run, 10) for _ in range(size)
    ]  # not in threads: it is no work of theirs

    def part(place: world.World) -> dict[str, torch.Tensor]:
        chosen, model = replace(machine.prepare(run), world=place), models[place.rank]
        if twice:
            model.double().register_forward_pre_hook(lambda _, given: (given[0].double(),))
        loop = Loop(run, model, data, chosen)
        if twice:
            change = loop.learner.change
            loop.learner.change = lambda *given: tuple(t.double() for t in change(*given))
        rows = [item.row for item in loop.run_to_end() if isinstance(item, Epoch)]
        numbers = {f"{name}/{i}": torch.tensor(float(value), dtype=torch.float64)
                   for i, row in enumerate(rows) for name, value in row.items()}  # fmt: skip
        state = {name: tensor.clone() for name, tensor in loop.tensors().items()}
        return state | numbers | {"test": loop.evaluate(data.test).predicted}

    return act(size, part)


def furthest(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """The largest difference, relative to the largest number of its tensor."""
    assert found.keys() == expected.keys()
    apart = [(found[n] - t).abs().max() / t.abs().max().clamp(min=1e-3)
             for n, t in expected.items() if t.numel()]  # fmt: skip
    return max(float(a) for a in apart)


@pytest.mark.parametrize(("size", "micro"), [(2, 0), (2, 4), (4, 2)])
def test_any_number_of_processes_and_passes_is_one_run(size: int, micro: int) -> None:
    """With weights in float64 and all that looks at a whole batch: within 1e-9 after six steps."""
    (expected,) = learned(1, *EXACT, twice=True)
    found = learned(size, *EXACT, f"training.micro_batch={micro}", twice=True)

    names = [name for name in expected if name.startswith(("model/", "averaged/", "optimiser/"))]

    assert len(names) > 20
    for one in found:
        assert furthest({n: one[n] for n in names}, {n: expected[n] for n in names}) < 1e-9


def test_gradients_are_those_of_the_whole_batch() -> None:
    """After one step with weights in float64: the first moments of AdamW within 1e-12."""
    words = (*EXACT, "training.limit=16", "training.epochs=1")
    (expected,) = learned(1, *words, twice=True)
    first, second = learned(2, *words, "training.micro_batch=4", twice=True)
    names = [name for name in expected if name.startswith("optimiser/exp_avg/")]

    assert len(names) > 10
    for one in (first, second):
        assert furthest({n: one[n] for n in names}, {n: expected[n] for n in names}) < 1e-12


def test_processes_stay_the_same_to_the_bit() -> None:
    """Whatever they sum is the same sum in each of them; again, the same bits."""
    first, second = learned(2, *MIXED)
    again, _ = learned(2, *MIXED)

    assert all(first[name].equal(second[name]) for name in first)
    assert all(first[name].equal(again[name]) for name in first)


def test_is_close_to_one_process_in_float32() -> None:
    """The loss within 1e-4 after six steps."""
    (expected,) = learned(1, *MIXED)
    found, _ = learned(2, *MIXED)
    losses = [name for name in expected if "loss/" in name]

    assert len(losses) == 4
    assert furthest({n: found[n] for n in losses}, {n: expected[n] for n in losses}) < 1e-4


@given(st.integers(1, 6), st.integers(1, 5))
def test_shares_are_the_batch(size: int, own: int) -> None:
    """One after the other; and the image after each share is the next of the batch."""
    ids = torch.randperm(size * own)
    shares = [Acted(rank, size, None, []).share(ids) for rank in range(size)]

    assert torch.cat([share[:own] for share in shares]).equal(ids)
    if size > 1:
        assert [int(share[own]) for share in shares] == ids.roll(-own)[::own].tolist()


def test_evaluation_has_the_bits_of_one_process() -> None:
    """Each process takes other images; no sum is made in another order."""
    run = compose("unused", *PLAIN)
    data = few(run.dataset)
    model = build.network(run, 10).eval()

    def part(place: world.World) -> object:
        chosen = replace(machine.prepare(run), world=place)
        return Loop(run, model, data, chosen).evaluate(data.test)

    few_at_a_time = pytest.MonkeyPatch()
    few_at_a_time.setattr("vitpos.metrics.BATCH", 8)
    (alone,), found = act(1, part), act(3, part)
    few_at_a_time.undo()

    for one in found:
        assert (one.loss, one.accuracy) == (alone.loss, alone.accuracy)
        assert one.predicted.equal(alone.predicted)


def test_the_leading_state_comes_to_all() -> None:
    """Bit for bit, of any type."""
    state = {"weight": torch.randn(3, 2).mT, "none": torch.zeros(0), "count": torch.tensor(7)}

    def part(place: world.World) -> object:
        return place.tensors(5 if place.leads else 0, state if place.leads else {})

    for step, found in act(3, part):
        assert step == 5
        assert found.keys() == state.keys()
        assert all(found[name].equal(tensor) for name, tensor in state.items())


def test_other_data_are_refused() -> None:
    """A process that would learn from other images says so."""
    with pytest.raises(BadInput, match="process 1 of 2 has other images than process 0"):
        act(2, lambda place: place.same("images", f"digest {place.rank}"))


def test_without_torchrun_there_is_one_process() -> None:
    """Nothing is begun, and nothing is copied."""
    with world.joined() as place:
        ids = torch.arange(4)

        assert place is world.ALONE
        assert place.share(ids) is ids
        assert place.agree(3) == 3
        assert place.tell(b"word") == b"word"


def test_torchrun_says_who_is_who(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank and size, of all and of this machine."""
    several(monkeypatch, 3, 4)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")

    assert ranks.here() == Here(3, 4, 1, 2)
    assert ranks.follows()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RANK", "two", "RANK = 'two': must be a number"),
        ("RANK", "2", "RANK = 2 and WORLD_SIZE = 2 do not go together"),
        ("MASTER_PORT", None, "WORLD_SIZE = 2, but no MASTER_PORT"),
    ],
)
def test_an_odd_environment_is_refused(
    name: str, value: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that names the variable."""
    several(monkeypatch)
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    with pytest.raises(BadInput, match=said):
        ranks.here()


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the config is read, before torch is needed."""
    several(monkeypatch, 0, 3)

    with pytest.raises(BadInput, match="batch_size = 128: not divisible by 3 processes"):
        config.compose(["training=smoke"])


def test_what_is_one_process_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep in each of several processes would do everything several times."""
    several(monkeypatch)

    with pytest.raises(BadInput, match="a sweep is one process, not 2"):
        ranks.alone("a sweep")


def test_processes_of_a_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of all of them together are no more than there are cores."""
    run = compose("unused", "backbone.dim=768", "training.batch_size=128")
    monkeypatch.setattr(machine, "cores", lambda: 8)
    few_threads = machine.useful_threads(run, Acted(1, 4, None, []))

    assert machine.useful_threads(run) == 8
    assert few_threads == 2


def test_each_process_has_a_gpu_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of its local rank; with too few, or one that is named, there is an error."""
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)

    assert machine.own_device("auto", Acted(1, 2, None, [])) == torch.device("cuda", 1)
    assert chosen == [torch.device("cuda", 1)]
    with pytest.raises(BadInput, match="4 processes on a machine with 2 GPUs"):
        machine.own_device("cuda", Acted(1, 4, None, []))
    with pytest.raises(BadInput, match="device = cuda:1: one GPU for 2 processes"):
        machine.own_device("cuda:1", Acted(1, 2, None, []))


def test_a_signal_that_is_passed_on_is_one_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster sends it to all processes, and torchrun sends it to them again."""
    several(monkeypatch, 0)
    with Stop() as stop:
        stop.patient = True
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

        assert stop.signal == signal.SIGTERM


def test_a_failed_exchange_says_that_a_process_is_gone() -> None:
    """Whatever the library says of sockets."""
    with pytest.raises(Lost, match="another process of this run has ended"), world.together():
        raise RuntimeError("Connection closed by peer [127.0.0.1]:4096")


@pytest.fixture(autouse=True)
def _same_modes() -> Iterator[None]:
    """`machine.prepare` changes the process."""
    yield
    torch.use_deterministic_algorithms(False)


def test_a_torchrun_that_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there before the processes that it starts; one that does not find it ends soon."""
    several(monkeypatch)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setattr(world, "AT_ONCE", timedelta(seconds=0.2))

    with pytest.raises(Lost, match="the 2 processes did not find one another"):
        world.begin(ranks.here())
