"""Loops that serve one run after another: what was compiled and recorded for the first of them.

Runs whose steps do the same, such as the seeds of an arm, take the loop of one that is over, put
their own numbers in its places (`train.Loop.renew`), and are bit for bit what they would be alone.
"""

import torch

from vitpos.data.samples import Data
from vitpos.schema import Run
from vitpos.train import Loop

MOST = 16  # loops that are kept: the first ones, for studies go through their arms in turn
FREE = 0.5  # share of a GPU's memory that stays free of them


class Reuse:
    """The loops of a process that does several runs one after the other."""

    def __init__(self) -> None:
        self.loops: list[Loop] = []

    def loop(self, run: Run) -> Loop | None:
        """That of a run with the same steps, now before the first step of this one."""
        found = next((loop for loop in self.loops if loop.takes(run)), None)
        if found is not None:
            found.renew(run)
        return found

    def data(self, run: Run) -> Data | None:
        """Images that are on the device already."""
        same = (loop for loop in self.loops if loop.run.dataset == run.dataset)
        return next((loop.data for loop in same if loop.run.device == run.device), None)

    def keep(self, loop: Loop) -> None:
        """Keep a loop that has compiled or recorded something, where there is room."""
        made = loop.machine.compiles or loop.machine.records
        if made and loop not in self.loops and len(self.loops) < MOST and has_room(loop):
            self.loops.append(loop)


def has_room(loop: Loop) -> bool:
    """Whether the device has memory to spare."""
    if loop.machine.device.type != "cuda":
        return True
    free, total = torch.cuda.mem_get_info(loop.machine.device)
    return free >= FREE * total
