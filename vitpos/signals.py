"""Ctrl-C, termination and hang-up end a run in order: the step is finished and the state saved."""

import signal
from types import FrameType, TracebackType
from typing import Any

from vitpos.errors import Interrupted

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stop:
    """Within it, the first signal is noted while `patient`; any other ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.patient = False  # in the loop, where a step is worth waiting for
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        for number in (getattr(signal, name, None) for name in NAMES):
            if number is not None:
                self.before[number] = signal.signal(number, self.handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note it, or leave."""
        if not self.patient or self.signal is not None:
            raise Interrupted(f"stopped by {signal.Signals(number).name}", signal=number)
        self.signal = number
