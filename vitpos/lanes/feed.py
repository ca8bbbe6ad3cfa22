"""An epoch of several runs in one place: `vitpos.feed` with lanes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from vitpos.feed import Feed, Plan


class LaneFeed(Feed):
    """What the lanes have drawn, side by side: ids [steps, lanes, batch], tables [lanes, ...].

    Rates are those of the first: all lanes are of one arm and at the same step.
    """

    def __init__(self, feeds: Sequence[Feed]) -> None:
        first = feeds[0]
        super().__init__(first.stream, first.training, first.augment, first.device)
        self.feeds = feeds
        self.ids = self.ids[:, None].repeat(1, len(feeds), 1)

    @override
    def plan(self, epoch: int) -> Plan:
        plans = [feed.plan(epoch) for feed in self.feeds]
        first = plans[0]
        ids = torch.stack([plan.ids for plan in plans], dim=1)
        tables = {n: torch.stack([plan.tables[n] for plan in plans]) for n in first.tables}
        return Plan(epoch, ids, tables, first.rates, first.shares)

    def table(self, lane: int) -> dict[str, Tensor]:
        """What happens to the samples of one lane."""
        return {name: table[lane] for name, table in self.tables.items()}

    def one_table(self) -> dict[str, Tensor]:
        """The same of all lanes, one after the other."""
        return {name: table.flatten(0, 1) for name, table in self.tables.items()}
