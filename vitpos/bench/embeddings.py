"""What each strategy costs: time, memory, operations and parameters, against `none`.

A few at a time take turns with `none`, so that no comparison is far from its reference; strategies
of all families come first, and rows say which there was no time for.
"""

from collections.abc import Iterator, Sequence

from vitpos import config, specimens
from vitpos.bench.asked import Bench
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table
from vitpos.bench.subjects import ours, run_of
from vitpos.schema import Run

FIRST = (
    "learned1d", "rope2d", "swin_rpb", "shaw", "rope_mixed", "sincos2d", "alibi2d", "peg",
    "irpe_product_ctx", "cape",
)  # fmt: skip
TOGETHER = 5
ON_CPU = ("backbone.depth=2", "training.batch_size=64")
ON_GPU = ("training.batch_size=512",)


def tables(bench: Bench) -> Iterator[Table]:
    """One table for each group."""
    heads = dict[tuple[str, ...], list[str]]()
    for name in wanted(bench):
        heads.setdefault(fitting(bench, name), []).append(name)
    groups = [
        (width, members[at : at + TOGETHER])
        for width, members in heads.items()
        for at in range(0, len(members), TOGETHER)
    ]
    for number, (width, group) in enumerate(groups):
        yield measure(against_none(bench, width, group, 1 / (len(groups) - number)), bench)


def wanted(bench: Bench) -> list[str]:
    """All strategies, one of each family first; only those, if it is to be quick."""
    known = [name for name in config.options("embedding") if name != "none"]
    first = [name for name in FIRST if name in known]
    return first if bench.quick else [*first, *(n for n in known if n not in first)]


def fitting(bench: Bench, name: str) -> tuple[str, ...]:
    """What a strategy needs of the network beside the usual: other heads, or more layers."""
    backbone = network(bench, "none", ()).backbone
    sizes = {"dim": backbone.dim, "depth": backbone.depth, "heads": backbone.heads}
    for more in ({}, {"heads": 4}, {"heads": 4, "depth": 12}, {"heads": 2, "depth": 12}):
        if specimens.suits(name, sizes | more):
            return tuple(f"backbone.{key}={number}" for key, number in more.items())
    return ()


def network(bench: Bench, name: str, words: Sequence[str]) -> Run:
    """A run with this strategy; raises `BadInput` if they do not go together."""
    usual = ON_GPU if bench.cuda else ON_CPU
    return run_of(bench, "cifar", *usual, *words, f"embedding={name}")


def against_none(
    bench: Bench, words: Sequence[str], group: Sequence[str], share: float | int
) -> Heat:
    """Some strategies and `none`, in the same network."""

    def contender(name: str) -> Contender:
        return Contender(lambda: ours(bench, network(bench, name, words)))

    run = network(bench, "none", words)
    facts = {
        "shape": "cifar",
        "batch": run.training.batch_size,
        "depth": run.backbone.depth,
        "heads": run.backbone.heads,
        "threads": bench.threads,
    }
    return Heat(
        name=f"embeddings, {group[0]} to {group[-1]}" if len(group) > 1 else group[0],
        contenders={name: contender(name) for name in ("none", *group)},
        reference="none",
        kind="cost",
        seconds=0.4,
        share=share,
        facts=facts,
    )
