"""A trained network in a page, where it runs without torch: `export` makes it, `script` shows it.

`watched` is the network with all that is shown of it, `folding` computes what no image changes,
`lowering` lists what is left as steps (`operations`, `products`, `arranging` of a `listing`),
`stored` packs them, `parity` says what that costs. `interpreter/` runs the steps in the browser,
`corner/` is what a reader sees and does; `script` joins both.
"""

from vitpos.pages.live.export import BUDGET, Live, export
from vitpos.pages.live.script import script, style

__all__ = ["BUDGET", "Live", "export", "script", "style"]
