"""The corner's script and style, joined of files that are read one by one."""

from importlib.resources import files

INTERPRETER = ("walking", "elementwise", "products", "rows", "graph", "serving")
CORNER = (
    "picture", "history", "asking", "seeing", "board", "drawing", "prediction", "heads",
    "attention", "position", "parity", "controls", "mount", "place",
)  # fmt: skip
TOLD = "return {readGraph, runGraph, runGraphInSlices, serve};"


def interpreter() -> str:
    """A function of the page that makes the interpreter; as text it also starts a worker."""
    body = "\n".join(read("interpreter", name) for name in INTERPRETER)
    return f"function interpreter() {{\n{body}\n{TOLD}\n}}\n"


def script() -> str:
    """Defines `mountLive(place, live, bytes, images)` and `buildLive()`, and nothing else.

    `buildLive` mounts the corner where the explorer has a place for it. Both use what the explorer
    has for elements, numbers, colours and pictures.
    """
    body = "\n".join(read("corner", name) for name in CORNER)
    inside = f"{interpreter()}\n{body}\nreturn {{mountLive: mount, buildLive: build}};"
    return f"const {{mountLive, buildLive}} = (() => {{\n{inside}\n}})();\n"


def style() -> str:
    """Of the corner, for the explorer's style to be followed by."""
    return read("corner", "live.css", "")


def read(folder: str, name: str, ending: str = ".js") -> str:
    """A file of the package."""
    return (files("vitpos.pages.live") / folder / f"{name}{ending}").read_text("utf-8")
