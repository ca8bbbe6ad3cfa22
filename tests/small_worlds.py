"""Several processes acted by threads of this one, for what does not depend on how they talk."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from vitpos.ranks import Here
from vitpos.world import World


class Acted(World):
    """One of the processes: what all say lies in a list they share."""

    def __init__(self, rank: int, size: int, barrier: threading.Barrier, said: list) -> None:
        super().__init__(Here(rank, size, rank, size))
        self.barrier, self.said = barrier, said

    def all_of(self, mine: object) -> list:
        """What each process says now, in their order."""
        self.said[self.rank] = mine
        self.barrier.wait(60)
        heard = list(self.said)
        self.barrier.wait(60)
        return heard

    def add(self, tensor: Tensor) -> Tensor:
        parts = self.all_of(tensor.clone())
        return tensor.copy_(torch.stack(parts).sum(dim=0))

    def agree(self, number: int) -> int:
        return max(self.all_of(number))

    def tell(self, content: bytes) -> bytes:
        return self.all_of(content)[0]


def act(size: int, part: Callable[[World], object]) -> list:
    """What `part` gives in each of `size` processes."""
    barrier, said, found = threading.Barrier(size), [None] * size, [None] * size
    failures: list[BaseException] = []

    def play(rank: int) -> None:
        try:
            found[rank] = part(Acted(rank, size, barrier, said))
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=play, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    real = [error for error in failures if not isinstance(error, threading.BrokenBarrierError)]
    if real:
        raise real[0]
    return found
