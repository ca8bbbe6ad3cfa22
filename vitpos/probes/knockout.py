"""Where in the network position is used."""

from collections.abc import Collection

import numpy as np

from vitpos.probes.asking import replaced, scores
from vitpos.probes.probe import Found
from vitpos.probes.silence import Silent
from vitpos.probes.subject import Subject


class Knockout:
    """Position silenced, at one layer or everywhere: how much worse the trained network gets.

    The strategy is as if it were not there: nothing is added to tokens, nothing turned, no logit
    and no value changed, at the places of one layer, which are before and in its block. What a
    vector added before block 0 did stays away from all blocks. Channels appended to the image are
    zero. A strategy that mixes tokens with its vectors (`inject=concat`) loses the mixing, too.

    - `accuracy`: of the whole network, in whatever task it was trained for.
    - `layer0/drop`, `layer1/drop`, ...: what silence at that layer costs, in accuracy; a strategy
      that never speaks there loses nothing.
    - `pixels/drop`: what silence about pixels costs.
    - `drop`: what silence everywhere costs; `silent/accuracy` is what is left.

    A network learned with position, so a drop says that position is used, and not how well a
    network without could do.

    Array: `drop` [layers], of those that attend.
    """

    name = "knockout"
    source = "as zero ablation of parts, Meyes et al. 2019, arXiv 1901.08644; per layer ours"

    def why_not(self, subject: Subject) -> str:
        """It can always be."""
        return ""

    def measure(self, subject: Subject) -> Found:
        """Layer by layer, then all at once."""
        places = [(site.stage, site.layer) for site in subject.model.position.sites()]
        first = len(subject.model.blocks) - len(places)  # blocks of convolutions come before
        own = silenced(subject, ())
        drops = [own - silenced(subject, [place]) for place in places]
        silent = silenced(subject, places, blind=True)
        numbers = {"accuracy": own}
        numbers |= {f"layer{layer}/drop": drop for layer, drop in enumerate(drops, first)}
        numbers |= {
            "pixels/drop": own - silenced(subject, (), blind=True),
            "silent/accuracy": silent,
            "drop": own - silent,
        }
        return Found(numbers, {"drop": np.array(drops)})


def silenced(
    subject: Subject, places: Collection[tuple[int, int]], *, blind: bool = False
) -> float:
    """The accuracy of the network with its strategy silent there."""
    images, wanted = subject.images(subject.limit), subject.labels(subject.limit)
    quiet = Silent(subject.model.position, places, blind=blind)
    with replaced(subject.model, "position", quiet):
        right = subject.task.measured(scores(subject, images), wanted)[0]
    return float(right.double().mean())


PROBE = Knockout()
