"""What must hold between the values of a run, before anything heavy is loaded."""

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vitpos import ranks, sizes, switches
from vitpos.errors import Problem
from vitpos.schema import Run
from vitpos.tasks import rules
from vitpos.typed import limits

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
OURS = ("_target_", "_needs_")  # in the file of an embedding: its class, and what suits it
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def problems(run: Run) -> list[Problem]:
    """Everything that is wrong with a run whose values are each right by themselves."""
    return [*consistency(run), *places(run), *processes(run)]


def consistency(run: Run) -> list[Problem]:
    """The same without what depends on where it runs."""
    parts = (geometry(run), rules.problems(run), stages(run), widths(run), embeddings(run))
    more = (recipe(run), machine(run), names(run))
    return [problem for part in (*parts, *more) for problem in part]


def notes(run: Run) -> list[str]:
    """What is allowed but unusual."""
    said = []
    if run.training.lr > 0.02:
        said.append(f"training.lr = {run.training.lr} is unusually large for AdamW (1e-4 to 3e-3)")
    if sizes.tokens(run) >= 1024:
        said.append(
            f"{sizes.tokens(run)} tokens an image: memory and time grow with the square of them"
        )
    wide = [name for name in (run.patch.kind, run.backbone.kind) if name not in ("linear", "plain")]
    if run.patch.shuffle and wide:
        said.append(
            f"patch.shuffle = true: {wide[0]} looks over the borders of a patch, so that it"
            " changes what is seen, and not only where"
        )
    if run.training.epochs > 2000:
        said.append(f"training.epochs = {run.training.epochs}: `--dry-run` says how long it takes")
    if run.threads > 2 * (os.cpu_count() or 1):
        said.append(f"threads = {run.threads} on {os.cpu_count()} cores will be slow")
    return said


def geometry(run: Run) -> Iterator[Problem]:
    """Patches tile the image; there are as many means as channels."""
    size, patch, data = run.image_size, run.patch.size, run.dataset
    if patch > size or size % patch:
        fits = ", ".join(str(p) for p in range(1, size + 1) if size % p == 0)
        yield Problem(f"patch.size = {patch}: {size} pixels are not divisible by it", f"try {fits}")
    elif run.patch.kind == "conv_stem" and (patch < 2 or patch & (patch - 1)):
        fits = ", ".join(str(1 << i) for i in range(1, 1 + sizes.halvings(size)))
        hint = f"try {fits}" if fits else f"patch=hybrid patch.size={patch}"
        message = f"patch.size = {patch}: a stem that halves the image needs a power of two"
        yield Problem(message, hint)
    for name, numbers in (("mean", data.mean), ("std", data.std)):
        if numbers is not None and len(numbers) != data.channels:
            yield Problem(f"dataset.{name} has {len(numbers)} values for {data.channels} channels")
    if data.geometry.shift >= data.size:
        shift = data.geometry.shift
        yield Problem(f"dataset.geometry.shift = {shift}: must be below {data.size} pixels")


def stages(run: Run) -> Iterator[Problem]:
    """Stages add up, halve the grid as often as they are, and those with attention come last."""
    backbone, count = run.backbone, len(run.backbone.depths)
    if backbone.kind == "plain":
        if count or backbone.convolutions or backbone.window:
            wrong = "depths, convolutions and window belong to backbones of several stages"
            yield Problem(f"backbone.kind = plain: {wrong}", "backbone=pyramid")
        return
    if sum(backbone.depths) != backbone.depth:
        message = f"backbone.depths = {backbone.depths}: not the {backbone.depth} of backbone.depth"
        yield Problem(message, f"backbone.depth={sum(backbone.depths)}")
    fewest = 1 if backbone.kind == "hybrid" else 0
    most = max(0, count - 1) if fewest else 0
    if not fewest <= backbone.convolutions <= most:
        message = f"backbone.convolutions = {backbone.convolutions} of {count} stages"
        rest = f"a {backbone.kind} has {'none' if not fewest else f'1 to {most}'}"
        yield Problem(f"{message}: {rest}", "backbone=hybrid" if not fewest else "")
    size, patch = run.image_size, run.patch.size
    if not size % patch and size % sizes.step(run):
        step = sizes.step(run) // patch
        fits = [p for p in range(1, size + 1) if size % (p * step) == 0]
        message = f"patch.size = {patch}: {size // patch} x {size // patch} patches of {size}"
        hint = f"patch.size={min(fits, key=lambda p: abs(p - patch))}" if fits else "fewer stages"
        yield Problem(f"{message} pixels cannot be halved {count - 1} times", hint)


def widths(run: Run) -> Iterator[Problem]:
    """Heads share the width evenly."""
    dim, heads = run.backbone.dim, run.backbone.heads
    if dim % heads:
        fits = ", ".join(str(h) for h in range(1, min(dim, 64) + 1) if dim % h == 0)
        message = f"backbone.heads = {heads}: {dim} channels are not divisible by it"
        yield Problem(message, f"try {fits}")


def embeddings(run: Run) -> Iterator[Problem]:
    """Each strategy gets what its file says it needs."""
    yield from switched(run)
    yield from unfit(run)


def switched(run: Run) -> Iterator[Problem]:
    """The options of each strategy are what its file and its switches allow."""
    if not run.embedding:
        yield Problem("embedding: empty value", "for no position use embedding=none")
    for name, options in run.embedding.items():
        for key in options:
            if key.startswith("_") and key not in OURS:
                yield Problem(f"embedding.{name}.{key}: there is no such option")
        given, needs = switches.flat(options), options.get("_needs_", {})
        common = {key: value for key, value in given.items() if key not in needs}
        yield from switches.problems(name, common)
        for key in [key for key in needs if given.get(key) is not None]:
            yield from limits(given[key], f"embedding.{name}.{key}", needs[key])


def unfit(run: Run) -> Iterator[Problem]:
    """Strategies and the size of the network go together, in each stage that has attention."""
    plan = sizes.stages_of(run)
    if run.backbone.dim % run.backbone.heads:
        return
    for number, stage in enumerate(plan):
        if stage.attends:
            where = f" in stage {number} of {len(plan)}" if len(plan) > 1 else ""
            for problem in unfit_in(run, stage):
                yield problem._replace(message=problem.message + where)


def unfit_in(run: Run, stage: sizes.Stage) -> Iterator[Problem]:
    """The same of one stage."""
    widths = {"dim": stage.dim, "depth": stage.depth, "heads": stage.heads}
    widths["head_dim"] = stage.dim // stage.heads
    for name, options in run.embedding.items():
        given, needs = switches.flat(options), options.get("_needs_", {})
        for key in [key for key in needs if key not in given]:
            for message, _ in limits(widths[key], needed(key, widths), needs[key]):
                yield Problem(f"embedding={name} needs another {message}")
        yield from layers(name, options, stage.depth)
        turning = given.get("fraction", 0) * widths["head_dim"]
        if turning != int(turning) or turning % 2:
            message = f"embedding.{name}.fraction = {given['fraction']}: {turning:g} channels turn"
            yield Problem(message, "an even number of them must")


def layers(name: str, options: Mapping[str, Any], depth: int) -> Iterator[Problem]:
    """A strategy that speaks before certain blocks names blocks that exist."""
    chosen = options.get("layers")
    if chosen is None:
        return
    if not all(isinstance(i, int) and 0 <= i < depth for i in chosen) or not chosen:
        yield Problem(f"embedding.{name}.layers = {chosen}: blocks are numbered 0 to {depth - 1}")


def needed(key: str, widths: Mapping[str, int]) -> str:
    """A width, with where it comes from."""
    return "backbone.dim / backbone.heads" if key == "head_dim" else f"backbone.{key}"


def recipe(run: Run) -> Iterator[Problem]:
    """Warm-up ends before training does; there are two betas."""
    training = run.training
    if training.warmup_epochs > training.epochs:
        yield Problem(
            f"training.warmup_epochs = {training.warmup_epochs}: more than"
            f" training.epochs = {training.epochs}"
        )
    if len(training.betas) != 2:
        yield Problem(f"training.betas = {training.betas}: must be two numbers")
    if training.augment.mixup > 100 or training.augment.cutmix > 100:
        yield Problem("training.augment.mixup and .cutmix: must be at most 100")


def machine(run: Run) -> Iterator[Problem]:
    """The device is one there could be; whether it is there is found out with torch."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", run.device):
        near = {"gpu": ["cuda"]}.get(run.device) or get_close_matches(
            run.device, ["auto", "cpu", "cuda", "mps"], n=1
        )
        hint = f"did you mean {near[0]}?" if near else ""
        yield Problem(f"device = {run.device}: must be auto, cpu, cuda, cuda:N or mps", hint)
    if run.precision == "fp16" and run.device in ("cpu", "mps"):
        yield Problem(f"precision = fp16 needs CUDA, not {run.device}", "use bf16 or fp32")


def places(run: Run) -> Iterator[Problem]:
    """The folder of the results can be written."""
    if run.outputs.isprintable():
        yield from writable(run.outputs)


def names(run: Run) -> Iterator[Problem]:
    """Names are names, and paths are paths."""
    for key, name in (("study", run.study), ("name", run.name)):
        if name is not None and (not NAME.fullmatch(name) or RESERVED.fullmatch(name)):
            clean = re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-. ")[:80] or "run"
            message = f"{key} = {name[:80]!r}: letters, digits and . _ - + only, at most 80"
            yield Problem(message, f"{key}={clean}")
    for key, path in (("outputs", run.outputs), ("dataset.root", run.dataset.root)):
        if path is not None and not path.isprintable():
            foreign = any("\udc80" <= character <= "\udcff" for character in path)
            hint = "a locale of UTF-8 knows these letters: LC_ALL=C.UTF-8" if foreign else ""
            yield Problem(f"{key} = {path!r}: not a path", hint)


def processes(run: Run) -> Iterator[Problem]:
    """Each process gets as many images of a batch as any other."""
    problem = ranks.indivisible(run.training.batch_size)
    if problem:
        yield Problem(problem, "choose a multiple, or another `torchrun --nproc-per-node`")


def writable(path: str) -> Iterator[Problem]:
    """The folder, or the nearest of its parents that is there, takes new files."""
    try:
        outputs = Path(path).expanduser()
        above = (outputs, *outputs.absolute().parents)
        there = next((p for p in above if p.exists() or p.is_symlink()), None)
        if there is None or not there.is_dir():
            yield Problem(f"outputs = {path}: {there or outputs} is not a folder")
        elif not os.access(there, os.W_OK | os.X_OK):
            yield Problem(f"outputs = {path}: {there} cannot be written")
    except (OSError, RuntimeError) as error:  # too long, not ours to look into, no such user
        yield Problem(f"outputs = {path[:80]}: {getattr(error, 'strerror', None) or error}")
