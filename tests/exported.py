"""Networks as a page has them, and the page's interpreter without a page: in node or chromium."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import browser
import torch
from torch import Tensor

from vitpos.pages.live.lowering import lowered
from vitpos.pages.live.script import interpreter
from vitpos.pages.live.stored import EXACT, Rung, Store
from vitpos.pages.live.tracing import Program, traced
from vitpos.pages.live.watched import Watched
from vitpos.probes.subject import Subject

SERVE = """
require('node:readline').createInterface({input: process.stdin}).on('line', line => {
  const {script, graph} = JSON.parse(line);
  process.stdout.write(JSON.stringify(new Function(script)(graph)) + '\\n');
});
"""
RUN = """
const {told, bytes, pixels} = arguments[0];
const {readGraph, runGraph} = interpreter();
const graph = readGraph(told, Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0)));
return runGraph(graph, Float32Array.from(pixels)).map(answer => Array.from(answer));
"""
Answers = list[list[float]]  # all that a network tells
Interpret = Callable[["Copy"], Answers]


@dataclass(frozen=True)
class Copy:
    """A network, what was made of it, and an image in pixels of 0..255."""

    watched: Watched
    program: Program
    store: Store
    pixels: Tensor

    def graph(self) -> dict[str, Any]:
        """As the interpreter gets it."""
        blob, (begin, end) = self.store.packed()
        return {
            "told": json.loads(blob[begin:end]),
            "bytes": base64.b64encode(blob).decode(),
            "pixels": self.pixels.flatten().tolist(),
        }


def copied(subject: Subject, rung: Rung = EXACT) -> Copy:
    """The network of a subject, ready to be run elsewhere."""
    pixels = subject.samples.pixels[:1].float()
    watched = Watched(subject)
    program = traced(watched, pixels)
    return Copy(watched, program, Store(*lowered(program), rung), pixels)


@contextmanager
def interpreting(profile: Path) -> Iterator[Interpret]:
    """Something that runs the page's interpreter: node where it is, else the browser."""
    node = shutil.which("node")
    if node is not None:
        with subprocess.Popen(
            [node, "-e", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as served:
            yield lambda copy: asked(served, copy)
        return
    browser.skip_or_fail()
    with browser.browser(profile) as window:
        window.driver.get("about:blank")
        yield lambda copy: window.run(script(), copy.graph())


def asked(served: "subprocess.Popen[str]", copy: Copy) -> Answers:
    """A line with the graph goes in, a line with the answers comes out."""
    assert served.stdin is not None
    assert served.stdout is not None
    print(json.dumps({"script": script(), "graph": copy.graph()}), file=served.stdin, flush=True)
    return json.loads(served.stdout.readline())


def script() -> str:
    """The body of a function that runs a graph."""
    return f"{interpreter()}\n{RUN}"


def apart(answers: Answers, wanted: tuple[Tensor, ...]) -> float:
    """The largest difference of all outputs, in parts of the largest number of each, at least 1."""
    return max(
        float((torch.tensor(got) - want.flatten()).abs().max() / want.abs().max().clamp_min(1))
        for got, want in zip(answers, wanted, strict=True)
    )
