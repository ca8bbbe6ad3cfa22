"""What can happen to a run in the middle of an epoch."""

import os
import signal
import time
from pathlib import Path

from vitpos.embeddings.base import PositionEmbedding, Trunk
from vitpos.shapes import Tokens

STEP = 6  # in which it happens


class Fault(PositionEmbedding):
    """No position; `kind` is what happens."""

    def __init__(self, trunk: Trunk, *, kind: str) -> None:
        super().__init__(trunk)
        self.kind, self.steps = kind, 0
        if kind == "unbuilt" and not mended():
            raise ValueError("cannot be built")

    def tokens(self, x: Tokens, site: object) -> Tokens:
        """Count the steps of the training; there is one block."""
        self.steps += self.training
        if self.steps != STEP or mended():
            return x
        if self.kind == "raises":
            raise ValueError("in the middle")
        if self.kind == "hangs":
            while True:
                time.sleep(1)
        if self.kind in ("SIGKILL", "SIGSEGV"):
            os.kill(os.getpid(), getattr(signal, self.kind))
        return x * float("nan") if self.kind == "diverges" else x


def mended() -> bool:
    """Whether nothing happens any more."""
    return Path(os.environ["FAULTY_MENDED"]).exists()
