"""`report.html`: a comparison on a page that prints, needs no script and asks for nothing.

- `page` puts it together, within a limit of bytes, from `page.html`, `card.html` and `style.css`;
- `charts` are those of `vitpos plot`; `figures` the pictures of a strategy, which `painted` makes;
  `sketches` are dots that the page draws by itself;
- `facts` is what a card says in words and numbers.
"""

from vitpos.pages.report.page import write

__all__ = ["write"]
