"""A picture as a file: the same bytes of the same numbers, whole or not there."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from vitpos.durable import disk_errors, make_folder, write

FORMATS = ("svg", "pdf", "png")
METADATA: dict[str, dict[str, str | None]] = {  # no date, no version: they change and say nothing
    "svg": {"Date": None, "Creator": "vitpos"},
    "pdf": {"CreationDate": None, "Creator": "vitpos", "Producer": None},
    "png": {"Software": "vitpos"},
}
SPOKEN = {"svg": "Description", "pdf": "Subject", "png": "Description"}


def content(figure: Figure, form: str, title: str, caption: str, dots: int | None = None) -> bytes:
    """The file of a picture, which says in its metadata what its title and caption say.

    Pixels are so many `dots` to an inch, if not as many as usual.
    """
    said = {"Title": title, SPOKEN[form]: caption}
    file = io.BytesIO()
    figure.savefig(file, format=form, metadata=METADATA[form] | said, dpi=dots)
    return file.getvalue()


def save(path: Path, data: bytes) -> None:
    """Write it down, and the folder for it."""
    with disk_errors(path):
        make_folder(path.parent)
    write(path, data)
