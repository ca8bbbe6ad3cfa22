"""What a network is shown instead of the images themselves, and what would be right to say of it.

A scene is made on the device from rows of tables, as augmentation is: for training the tables
belong to (seed, epoch, sample), for evaluation to the images alone. So all arms and seeds are
examined on the same scenes, and a run resumed anywhere sees those that it would have seen.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from jaxtyping import Int64
from torch import Tensor

from vitpos.data.draws import Draws
from vitpos.data.geometry import Pixels, Rows
from vitpos.data.placing import Shown
from vitpos.data.samples import Samples
from vitpos.keys import key

Ids = Int64[Tensor, " batch"]
Look = Callable[[Ids], Pixels]
"""The images of these numbers, in training as they are changed in this epoch."""


class Scene(ABC):
    """Made of `samples`; `side` pixels high and wide."""

    def __init__(self, samples: Samples, side: int) -> None:
        self.samples, self.side = samples, side

    @abstractmethod
    def tables(self, draws: Draws) -> Rows:
        """What is shown with each sample, drawn on the CPU; a row for each."""

    @abstractmethod
    def __call__(self, ids: Ids, rows: Rows, look: Look) -> tuple[Shown, Tensor]:
        """Scenes of these samples, whose rows these are, and the right answers.

        It makes the host wait for nothing, and no shape in it depends on what was drawn.
        """

    def settled(self) -> Rows:
        """The tables of an evaluation, on the device: they belong to the images, to no seed."""
        labels = self.samples.labels
        tables = self.tables(Draws(key(0, "scenes", self.samples.whose()), 0, len(labels)))
        return {name: table.to(labels.device) for name, table in tables.items()}
