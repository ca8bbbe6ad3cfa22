"""What the numbers of arms say about each other, and with what uncertainty.

- `intervals`: how far a mean, a share or a correlation may be off;
- `power`: which differences so many seeds can find, and how many seeds a difference needs;
- `crossed`: how far a mean may be off when the test images, too, are a sample;
- `pairs`: two arms, seed by seed;
- `differences`: everything that is said of an arm beside its baseline;
- `family`: all such comparisons of a table, corrected together, each with a verdict.

Arrays hold their seeds last, after any batch; no function reads or writes anything.
"""

from vitpos.statistics.crossed import distribution_sd, noise_floor, on_new_images
from vitpos.statistics.differences import Difference, Verdict
from vitpos.statistics.family import family, holm
from vitpos.statistics.intervals import Interval, exact_share, mean_interval, wilson
from vitpos.statistics.power import MOST_SEEDS

__all__ = [
    "MOST_SEEDS",
    "Difference",
    "Interval",
    "Verdict",
    "distribution_sd",
    "exact_share",
    "family",
    "holm",
    "mean_interval",
    "noise_floor",
    "on_new_images",
    "wilson",
]
