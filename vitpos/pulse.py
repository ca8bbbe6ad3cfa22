"""A sign of life of each process, so that none waits for ever for one that is gone.

gloo notices a closed connection at once. A wait for a GPU that waits for another one does not: so a
thread looks every other second whether all processes still are there.
"""

import os
import threading

from torch.distributed.distributed_c10d import Store

from vitpos import outcome
from vitpos.errors import Lost
from vitpos.ranks import Here

BEAT = 2.0  # seconds
LOST = 15  # beats without a sign of life
LATE = 150  # beats until a process must have come
WORDS = "vitpos/words"


class Pulse(threading.Thread):
    """Beats in `torchrun`'s store; ends this process when another one is gone.

    The count of missed beats is of own beats: a machine that sleeps misses none.
    """

    def __init__(self, store: Store, here: Here) -> None:
        super().__init__(daemon=True)
        self.store, self.here = store, here
        self.over = threading.Event()
        others = [0] if here.rank else range(1, here.size)
        self.seen = dict.fromkeys(others, 0)
        self.missed = dict.fromkeys(others, 0)

    def run(self) -> None:
        """Beat and look."""
        while not self.over.wait(BEAT):
            gone = self.look()
            if gone and not self.over.wait(BEAT):
                error = Lost(gone, "going on costs the steps since the last checkpoint")
                outcome.say(error.lines(), error.code)
                os._exit(Lost.code)  # the main thread waits where no exception reaches it

    def look(self) -> str:
        """Which process is gone, if any."""
        try:
            self.store.add(f"vitpos/{self.here.rank}", 1)
            for rank, before in self.seen.items():
                self.seen[rank] = self.store.add(f"vitpos/{rank}", 0)
                self.missed[rank] = 0 if self.seen[rank] > before else self.missed[rank] + 1
                if self.missed[rank] >= (LOST if before else LATE):
                    return f"process {rank} of {self.here.size} is gone"
        except RuntimeError:
            return "torchrun is gone"
        return ""

    def stop(self) -> None:
        """No more beats."""
        self.over.set()

    def say(self, text: str) -> None:
        """Tell the others why this process ends."""
        try:
            self.store.set(WORDS, f"process {self.here.rank} of {self.here.size}: {text}")
        except RuntimeError:
            return  # nobody hears it

    def why(self, error: Lost) -> tuple[str, str]:
        """The message and hint of `error`, with what a process said before it ended."""
        try:
            if self.store.check([WORDS]):
                return self.store.get(WORDS).decode(), error.hint
        except RuntimeError:
            pass
        return error.message, error.hint
