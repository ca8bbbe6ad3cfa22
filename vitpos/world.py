"""Several processes that train one network as if they were one (`torchrun -m vitpos train ...`).

Each takes its slice of every batch; gradients are summed once a step; whatever is decided is
decided by all. With one process nothing here does anything.

What is on the CPU goes through gloo, what is on GPUs through NCCL. Decisions (is it time to stop?)
are numbers on the CPU, so that no step waits for a GPU.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import safetensors.torch
import torch
import torch.distributed as dist
from jaxtyping import Int64
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from vitpos import ranks
from vitpos.errors import BadInput, Lost, UserError
from vitpos.pulse import Pulse
from vitpos.ranks import Here
from vitpos.signals import ENDING

PATIENCE = timedelta(minutes=30)  # for a process that is alive: it may be fetching data
AT_ONCE = timedelta(seconds=15)  # for torchrun, which was there before the process


class World:
    """The processes of a run, as one of them sees them."""

    def __init__(self, here: Here) -> None:
        self.rank, self.size, self.local_rank, self.local_size = here

    @property
    def leads(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self.rank == 0

    def share(self, ids: Int64[Tensor, " batch"]) -> Int64[Tensor, " share"]:
        """The own slice of a batch, and one image more: mixing looks at the next image."""
        own = len(ids) // self.size
        return ids if self.size == 1 else ids.roll(-own * self.rank)[: own + 1]

    def add_up(self, weights: Sequence[nn.Parameter], *numbers: Tensor) -> list[Tensor]:
        """Sum gradients over all processes, in place; and these numbers, as new tensors.

        One flat sum at the end of the backward pass, and not DistributedDataParallel: gradients of
        these networks are a few megabytes, so there is little to overlap; weights without a
        gradient stay without; no hook is in the way of a compiler; micro-batches need no
        `no_sync`; and a recorded step could hold it as one more node.
        """
        if self.size == 1:
            return list(numbers)
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        parts = [*gradients, *numbers]
        flat = torch.cat([part.reshape(-1).to(gradients[0].dtype) for part in parts])
        self.add(flat)
        pieces = flat.split([part.numel() for part in parts])
        sums = [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]
        torch._foreach_copy_(gradients, sums[: len(gradients)])
        return [s.to(n.dtype) for s, n in zip(sums[len(gradients) :], numbers, strict=True)]

    def add(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            with together():
                dist.all_reduce(tensor)
        return tensor

    def agree(self, number: int) -> int:
        """The largest of the numbers that the processes say."""
        if self.size == 1:
            return number
        said = torch.tensor(number)
        with together():
            dist.all_reduce(said, dist.ReduceOp.MAX)
        return int(said)

    def tell(self, content: bytes) -> bytes:
        """What the leading process says, in all of them."""
        if self.size == 1:
            return content
        length = torch.tensor(len(content))
        with together():
            dist.broadcast(length, 0)
            text = torch.empty(int(length), dtype=torch.uint8)
            if self.leads:
                text.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
            dist.broadcast(text, 0)
        return text.numpy().tobytes()

    def same(self, what: str, digest: str) -> None:
        """Raise `BadInput` if this process has other data or another config than the leading."""
        if self.tell(digest.encode()) != digest.encode():
            raise BadInput(f"process {self.rank} of {self.size} has other {what} than process 0")

    def tensors(self, step: int, state: Mapping[str, Tensor]) -> tuple[int, dict[str, Tensor]]:
        """The leading process's step and state, in all of them."""
        mine = {name: t.detach().cpu().contiguous() for name, t in state.items()}
        mine["step"] = torch.tensor(step)
        theirs = safetensors.torch.load(self.tell(safetensors.torch.save(mine)))
        return int(theirs.pop("step")), theirs

    def wait(self) -> None:
        """Until all processes are here."""
        self.agree(0)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """One process of each machine first; the others find what it fetched."""
        if self.local_rank:
            self.wait()
        yield
        if not self.local_rank:
            self.wait()


ALONE = World(Here())


@contextmanager
def joined() -> Iterator[World]:
    """All processes that torchrun started, until all are done or one has failed."""
    here = ranks.here()
    if here.size == 1:
        yield ALONE
        return
    pulse = begin(here)
    world = World(here)
    try:
        yield world
        world.wait()
    except Lost as error:
        raise Lost(*pulse.why(error)) from error
    except UserError as error:
        pulse.say(error.message)
        raise
    finally:
        if world.leads:
            ENDING.set()
        pulse.stop()
        with suppress(RuntimeError):
            dist.destroy_process_group()


def begin(here: Here) -> Pulse:
    """Find the other processes."""
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        started = AT_ONCE if ranks.by_torchrun() else PATIENCE
        store, _, _ = next(rendezvous("env://", here.rank, here.size, timeout=started))
        store.set_timeout(PATIENCE)
        pulse = Pulse(store.clone(), here)
        pulse.start()
        dist.init_process_group(
            backend, store=store, rank=here.rank, world_size=here.size, timeout=PATIENCE
        )
    except RuntimeError as error:
        why = str(error).partition("\n")[0][:200]
        raise Lost(f"the {here.size} processes did not find one another: {why}") from error
    return pulse


@contextmanager
def together() -> Iterator[None]:
    """What all processes do at once fails where one of them is gone: raise `Lost`."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise Lost("another process of this run has ended") from error
