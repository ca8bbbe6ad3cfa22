"""Ctrl-C, termination and hang-up end a run in order: the step is finished and the state saved."""

import signal
import sys
import threading
import time
import warnings
from types import FrameType, TracebackType
from typing import Any

from vitpos import ranks
from vitpos.errors import Interrupted

ECHO = 3.0  # seconds
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
ENDING = threading.Event()
"""Set once it is known how this process ends: from then on a signal changes nothing.

torchrun sends one to all processes as soon as one has ended, and each still has its code to give.
"""


class Leave(BaseException):
    """Raised by a signal wherever the process is; no `except Exception` of a library stops it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Stop:
    """Within it, the first signal is noted while `patient`; any other ends the work at once.

    Among several processes the same signal again is for some seconds the same one: torchrun passes
    on what a cluster has sent to them already.

    What leaves the block by a signal is `Interrupted`. In a thread that is not the main one, which
    gets no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.patient = False  # once there is a folder, where a step is worth waiting for
        self.noted = 0.0  # when, by `time.monotonic`
        self.left: int | None = None  # the signal that ended the work at once
        self.before: dict[int, Any] = {}
        self.unraisable: Any = None

    def __enter__(self) -> "Stop":
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (getattr(signal, name, None) for name in NAMES):
            if number is None:
                continue
            if number == getattr(signal, "SIGHUP", None) and hung_up_in_vain():
                continue
            self.before[number] = signal.signal(number, self.handle)
        self.unraisable, sys.unraisablehook = sys.unraisablehook, self.insist
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in () if ENDING.is_set() else self.before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self.before:
            sys.unraisablehook = self.unraisable
        # An import that is cut short may be tried again by whoever asked, and end in an error.
        left = error.number if isinstance(error, Leave) else self.left
        if left is not None and error is not None and not isinstance(error, Interrupted):
            name = signal.Signals(left).name
            raise Interrupted(f"stopped by {name}", signal=left) from error

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note it, or leave."""
        if ENDING.is_set():
            return
        if number == self.signal and ranks.several() and time.monotonic() - self.noted < ECHO:
            return
        if not self.patient or self.signal is not None:
            # What was open where the signal came is closed by leaving: nobody can mend that.
            warnings.simplefilter("ignore", ResourceWarning)
            self.left = number
            raise Leave(number)
        self.signal, self.noted = number, time.monotonic()

    def insist(self, swallowed: "sys.UnraisableHookArgs") -> None:
        """Leave a little later, if Python was just where no exception gets out: in a destructor."""
        if isinstance(swallowed.exc_value, Leave):
            number = swallowed.exc_value.number
            main = threading.main_thread().ident
            threading.Timer(0.01, signal.pthread_kill, (main, number)).start()
        else:
            self.unraisable(swallowed)


def hung_up_in_vain() -> bool:
    """Whether this process was started by `nohup`, to outlive its terminal."""
    return signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
