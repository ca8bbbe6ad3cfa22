"""The live corner in a page of its own, with nothing of the explorer but what it builds on."""

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from vitpos.data.samples import Samples
from vitpos.pages import live
from vitpos.pages.writing import colours
from vitpos.pictures import CIVIDIS, PUOR

SHARED = ("elements", "numbers", "colours", "keyboard", "tabulate", "picture", "payload")
START = """
async function start() {
  await readPayload();
  readPalettes(payload.meta.palettes);
  buildLive();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.__ready = true; }));
}
document.addEventListener('DOMContentLoaded', start);
"""
PAGE = """<!doctype html>
<html lang="en" data-theme="auto">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>A live network</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>A live network</h1>
<p><button type="button" id="goto-live" hidden>Try it</button></p>
<section id="part-live" aria-labelledby="title-live" hidden>
<h2 id="title-live">Try it: the network itself</h2>
<div class="card" id="live"></div>
</section>
</main>
<script type="application/json" id="meta">{meta}</script>
<script type="text/plain" id="blob">{blob}</script>
<script type="text/plain" id="live-blob">{network}</script>
<script>{script}</script>
</body>
</html>
"""


def written(
    path: Path, found: live.Live, samples: Samples, shown: Sequence[int], *, worker: bool = True
) -> Path:
    """The page as a file; it may forbid itself workers."""
    pixels = samples.pixels[list(shown)].permute(0, 2, 3, 1).contiguous()
    size, bare = pixels[0].numel(), {"low": 0, "high": 255, "gamma": 1, "raw": True}
    images = [
        {"index": index, "label": int(samples.labels[index]),
         "pixels": {"at": i * size, "shape": list(pixels.shape[1:]), **bare}}
        for i, index in enumerate(shown)
    ]  # fmt: skip
    meta = {
        "format": 1,
        "palettes": {"cividis": colours(CIVIDIS, 256), "PuOr": colours(PUOR, 255)},
        "frames": [{"images": images}],
        "arms": [{"name": "learned1d", "frame": 0, "live": found.meta}],
    }
    script = "\n".join([*(explorer(f"js/{name}.js") for name in SHARED), live.script(), START])
    page = PAGE.format(
        policy=policy(script, worker=worker), style=explorer("style.css") + live.style(),
        meta=json.dumps(meta).replace("<", "\\u003c"), blob=zipped(pixels.numpy().tobytes()),
        network=zipped(found.blob), script=script,
    )  # fmt: skip
    path.write_text(page, "utf-8")
    return path


def policy(script: str, *, worker: bool) -> str:
    """What the explorer allows itself, and workers that it makes itself."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'"
    return rules + ("; worker-src blob:" if worker else "")


def explorer(name: str) -> str:
    """A file of the explorer."""
    return (files("vitpos.pages") / "explorer" / name).read_text("utf-8")


def zipped(content: bytes) -> str:
    """As a page has it."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
