"""Keep the generated text true: the README's blocks, and the table beside the embeddings.

`python scripts/readme.py` writes them; with `--check` it fails if they are not up to date. A block
lies between `<!-- NAME -->` and `<!-- end -->`.
"""

import re
import subprocess
import sys
from pathlib import Path

from vitpos import catalogue, listing

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TABLE = ROOT / "configs/embedding/README.md"


def vitpos(*words: str) -> str:
    """What a command prints, 80 columns wide."""
    done = subprocess.run(
        [sys.executable, "-m", "vitpos", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "80", "NO_COLOR": "1", "LANG": "C.UTF-8"},
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def help_text() -> str:
    """The commands."""
    text = vitpos("--help").replace("python -m vitpos", "vitpos")
    return f"```\n{text}\n```"


def embeddings() -> str:
    """The names, family by family."""
    families: dict[str, list[str]] = {}
    for entry in sorted(catalogue.entries("embedding"), key=listing.place):
        families.setdefault(listing.family_of(entry), []).append(f"`{entry.name}`")
    return "\n".join(
        [
            "| family | `embedding=` |",
            "|---|---|",
            *(
                f"| {family} ({len(names)}) | {' '.join(names)} |"
                for family, names in families.items()
            ),
        ]
    )


def table() -> str:
    """A table from the first lines of each file, family by family."""
    rows = [
        "# The embeddings",
        "",
        "One file each; its first lines say all that is here, and its formula, axis order, first",
        "numbers and how it was verified. `vitpos explain embedding=NAME` draws it too. What it",
        "learns is counted at 192 channels, 12 layers, 3 heads (4 where 3 will not do), 8 x 8",
        "cells and CLS.",
        "",
        "In formulas, i is a query and j a key, Δ their offset (query minus key), x the tokens, q,",
        "k and v what attention makes of them, d the channels of a head, D those of a token, h the",
        "heads, and R(a) turns plane k of a head by the angle a_k.",
        "",
        "| `embedding=` | what it does | acts on | learns | name in the field | source |",
        "|---|---|---|---:|---|---|",
    ]
    family = None
    for entry in sorted(catalogue.entries("embedding"), key=listing.place):
        if listing.family_of(entry) != family:
            family = listing.family_of(entry)
            rows.append(f"| **{family}** | | | | | |")
        learned = "" if entry.parameters is None else f"{entry.parameters:,}"
        cells = (entry.description, entry.facts.get("acts", ""), learned, entry.known_as)
        said = (text.replace("|", "\\|") for text in (*cells, entry.paper))
        rows.append(f"| `{entry.name}` | {' | '.join(said)} |")
    return "\n".join([*rows, ""])


def tree() -> str:
    """Every module with the first sentence of its docstring."""
    rows = []
    for path in sorted((ROOT / "vitpos").rglob("*.py"), key=lambda p: (p.parent.parts, p.name)):
        first = path.read_text().split('"""')[1].split("\n\n")[0]
        sentence = " ".join(first.split()).removesuffix(".")
        rows.append(f"{path.relative_to(ROOT)!s:34} {sentence}")
    return "```\n" + "\n".join(rows) + "\n```"


BLOCKS = {"help": help_text, "embeddings": embeddings, "tree": tree}


def main() -> int:
    """Write or check."""
    before = README.read_text()
    after = before
    for name, make in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(after):
            print(f"README.md has no block {name}")
            return 1
        text = make()
        after = pattern.sub(lambda m, text=text: f"{m[1]}{text}\n{m[2]}", after)
    stale = [
        path
        for path, text in ((README, after), (TABLE, table()))
        if not path.exists() or path.read_text() != text
    ]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: python scripts/readme.py")
        return int(bool(stale))
    README.write_text(after)
    TABLE.write_text(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
