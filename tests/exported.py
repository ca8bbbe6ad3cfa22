"""Networks as a page has them, and the page's interpreter without a page, in node."""

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vitpos.pages.live.lowering import lowered
from vitpos.pages.live.script import interpreter
from vitpos.pages.live.stored import EXACT, Rung, Store
from vitpos.pages.live.tracing import Program, traced
from vitpos.pages.live.watched import Watched
from vitpos.probes.subject import Subject

NODE = Path(__file__).with_name("live_run.js")


@dataclass(frozen=True)
class Copy:
    """A network, what was made of it, and an image in pixels of 0..255."""

    watched: Watched
    program: Program
    store: Store
    pixels: Tensor

    def graph(self) -> dict[str, Any]:
        """As a test hands it to the interpreter."""
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


def in_node(*graphs: dict[str, Any]) -> list[list[list[float]]]:
    """What the interpreter answers, all outputs of each graph."""
    told = json.dumps({"script": interpreter(), "graphs": graphs})
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run([node, NODE], input=told, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def apart(answers: list[list[float]], wanted: tuple[Tensor, ...]) -> float:
    """The largest difference of all outputs, in parts of the largest number of each."""
    return max(
        float((torch.tensor(got) - want.flatten()).abs().max() / want.abs().max().clamp_min(1))
        for got, want in zip(answers, wanted, strict=True)
    )
