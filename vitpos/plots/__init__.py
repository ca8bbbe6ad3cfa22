"""Pictures of many runs, drawn from the same `Answer` as the table: `vitpos plot PATH...`.

- `request` is what is asked for, `scene` what all pictures of an answer share;
- `series` gathers the numbers of lines, `fronts` those of accuracy against cost;
- `style` is how everything looks: colours, sizes, title and caption, and texts made harmless;
- `lines` are learning curves and accuracy against resolution, `strips` are seeds, `costs` the
  front, with `tags` at its points;
- `labels` keeps names apart, `files` makes the same bytes of the same numbers;
- `draw` does all that is asked for.

Only the object interface of matplotlib is used: no window, and nothing of a caller's is changed.
"""

import logging

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # that a user has no home is no matter here
