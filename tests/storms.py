"""What happens to a sweep: members are killed, the disk is full for a while, it ends in five ways.

Each way to end is followed by the same command or by `vitpos resume`.
"""

import json
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from disasters import Disk
from soaking import Place, Terminal, signalled

from vitpos.sweeps import claims

KILLS = (signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)
ENDS = {"SIGKILL": -9, "Ctrl-C": 130, "SIGTERM": 143, "SIGHUP": 129, "terminal closed": 129}
EAGER = 0.85  # of the members that begin, until a third of all was killed
FULL = 1.0  # seconds that the disk is


@dataclass
class Storm:
    """All that happens, and the count of it."""

    place: Place
    disk: Disk
    pace: float  # seconds that a member lives undisturbed
    dice: random.Random
    hit: dict[str, list[str]] = field(default_factory=dict)  # members, by identity
    seen: set[int] = field(default_factory=set)  # their processes
    due: list[tuple[float, int, str]] = field(default_factory=list)  # when, which process, whose
    restarts: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)  # members that something may have happened to
    full: int = 0  # times that the disk was

    def rage(self) -> None:
        """Until the sweep has ended in all ways, and enough members were killed."""
        ways = list(ENDS)
        self.dice.shuffle(ways)
        most = 4 * len(ways)  # sessions: one in which nothing is left to do ends by itself
        share = max(1, self.place.count // (len(ways) + 4))  # some are left for a last storm
        for session in range(most):
            if not (ways or self.wanted()):
                return
            terminal = self.place.start(resume=session > 0 and session % 2 == 0)
            try:
                most_ends = share if ways else 10 * self.place.count
                if self.endure(terminal, most_ends, fill=session == 2):
                    self.touched |= self.held()
                    end(terminal, ways[0])
                    terminal.wait(ENDS[ways[0]])
                    self.restarts.append(ways.pop(0))
                else:
                    terminal.wait(0, 7)
            finally:
                self.touched |= self.held()
                terminal.process.kill()
                terminal.close()
        raise AssertionError(f"it never came to {ways}, or killed {len(self.hit)} only")

    def endure(self, terminal: Terminal, share: int, *, fill: bool) -> bool:
        """Until so many more members are over, on this sweep; False if it was over before."""
        begun = self.place.ended()
        while terminal.drain():
            self.strike()
            done = self.place.ended() - begun
            if fill and done > share // 2:
                self.overflow(terminal)
                fill = False
            if done >= share and not fill:
                return True
        return False

    def claimed(self) -> list[tuple[str, int]]:
        """Members that a process says to have, and which."""
        found = []
        for path in (self.place.outputs / claims.FOLDER).glob("*"):
            with suppress(OSError, ValueError, KeyError):
                found.append((path.name, json.loads(path.read_bytes())["process"]))
        return found

    def held(self) -> set[str]:
        """Members that somebody has, or had when he was killed."""
        return {path.name for path in (self.place.outputs / claims.FOLDER).glob("*")}

    def strike(self) -> None:
        """Choose who of the new ones will be killed, and when; kill those whose time has come."""
        now = time.monotonic()
        for identity, process in self.claimed():
            if process not in self.seen:
                self.seen.add(process)
                if self.wanted() and self.dice.random() < EAGER:
                    at = now + self.dice.uniform(0, self.pace / 5)  # ends of processes are long
                    self.due.append((at, process, identity))
        for due in [due for due in self.due if due[0] <= now]:
            self.due.remove(due)
            _, process, identity = due
            number = self.dice.choice(KILLS)
            mine = (identity, process) in self.claimed()
            if mine and claims.held(self.place.outputs, identity) and signalled(process, number):
                self.hit.setdefault(identity, []).append(number.name)

    def wanted(self) -> bool:
        """Whether fewer than a third of the members were killed."""
        return 3 * len(self.hit) < self.place.count

    def overflow(self, terminal: Terminal) -> None:
        """Fill the disk for a while."""
        self.full += 1
        self.disk.fill(terminal.process.pid)
        until = time.monotonic() + FULL
        while time.monotonic() < until and terminal.drain():
            self.touched |= self.held()
        self.disk.free(terminal.process.pid)

    def told(self) -> dict[str, Any]:
        """The figures."""
        kinds = Counter(kind for kinds in self.hit.values() for kind in kinds)
        return {
            "members killed": len(self.hit),
            **{f"kills by {kind}": n for kind, n in sorted(kinds.items())},
            "restarts after": ", ".join(self.restarts),
            "times the disk was full": self.full,
            "the full disk": self.disk.name,
        }


def end(terminal: Terminal, way: str) -> None:
    """Have a sweep end in one of the ways."""
    if way == "Ctrl-C":
        terminal.type(b"\x03")
    elif way == "terminal closed":
        terminal.close()
    else:
        signalled(terminal.process.pid, signal.Signals[way])
