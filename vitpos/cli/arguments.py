"""What commands take: words, folders, options, and what Tab offers for them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def complete_overrides(incomplete: str) -> list[str]:
    """What Tab offers for an override."""
    from vitpos import completion

    return completion.overrides(incomplete)


def complete_runs(incomplete: str) -> list[str]:
    """What Tab offers for the folder of a run."""
    from vitpos import completion

    return completion.runs(incomplete)


def complete_groups(incomplete: str) -> list[str]:
    """What Tab offers to list."""
    from vitpos import completion

    return completion.groups(incomplete)


def complete_datasets(incomplete: str) -> list[str]:
    """What Tab offers for the name of a data set."""
    from vitpos import completion

    return completion.datasets(incomplete)


def complete_embeddings(incomplete: str) -> list[str]:
    """What Tab offers for the name of an embedding."""
    from vitpos import completion

    return completion.embeddings(incomplete)


def trust(names: list[str] | None) -> list[str] | None:
    """Take the strategies of these packages for ours."""
    if names:
        from vitpos import plugins

        plugins.trust(names)
    return names


class Format(StrEnum):
    """How a comparison is printed."""

    RICH = "rich"
    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    CSV = "csv"
    JSON = "json"


class Clock(StrEnum):
    """What a bench takes time with."""

    AUTO = "auto"
    WALL = "wall"
    CPU = "cpu"
    DEVICE = "device"


class Picture(StrEnum):
    """How a picture is written."""

    SVG = "svg"
    PDF = "pdf"
    PNG = "png"


Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="embedding=rope2d patch.size=4 seed=1 ...",
        autocompletion=complete_overrides,
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="The folder of a run.", autocompletion=complete_runs),
]
PlainLetters = Annotated[bool, typer.Option("--plain", help="Draw with plain letters.")]
Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="Folders of runs, or folders that hold some.",
        autocompletion=complete_runs,
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="PACKAGE",
        help="Trust the strategies of this package; may be given again.",
        callback=trust,
    ),
]
Retry = Annotated[bool, typer.Option("--retry", help="Also runs that failed or diverged.")]
DryRun = Annotated[bool, typer.Option(help="Say what would run, and what is there.")]
Probe = Annotated[
    bool, typer.Option("--probe", help="With --dry-run: try arms, to know how long they take.")
]
Budget = Annotated[
    str | None, typer.Option("--budget", metavar="TIME", help="Stop in order after 2h, 90m, 1h30m.")
]
Seeds = Annotated[int | None, typer.Option("--seeds", help="N: seed=0..N-1 in every arm.")]
Yes = Annotated[bool, typer.Option("--yes", help="Run more than 200 without being asked.")]
Compared = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Folders of runs, the folder of a study, or a frozen plan; nothing: outputs.",
        autocompletion=complete_runs,
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(help="test/accuracy, val/loss, test/accuracy@48, cost/params, probe/shuffle/drop"),
]
Direction = Annotated[
    str | None, typer.Option("--direction", metavar="WAY", help="Which is better: up or down.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Only these runs: 'backbone.depth>4' 'arm=rope*'."),
]
GroupBy = Annotated[
    str | None, typer.Option(metavar="KEY,KEY", help="Compare within each of their values.")
]
Baseline = Annotated[
    str | None,
    typer.Option(metavar="ARM", help="What arms are compared with: a name, or KEY=VALUE."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="mixed-...", help="code, hardware, data, epochs; or just mixed."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
