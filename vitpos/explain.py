"""What one wants to know of a strategy before training with it, on a page."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from vitpos import build, catalogue, config, glossary, metrics, sizes
from vitpos.checks import geometry, stages, unfit, widths
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.embeddings.staged import Staged
from vitpos.embeddings.together import Together
from vitpos.schema import Run
from vitpos.switches import SWITCHES, flat
from vitpos.terminal.sketch import Style, sketch
from vitpos.vit import ViT
from vitpos.words import count_words, counted

REFERENCE = "12 layers of 192 channels in 3 heads (4 where 3 will not do), 8 x 8 cells and CLS"
LABEL = 14  # columns of the words on the left
BOUNDS = {"above": "above", "at_least": "at least", "below": "below", "at_most": "at most"}


def explain(words: Sequence[str]) -> dict[str, Any]:
    """All facts about the strategies of a run that these overrides compose."""
    named = [word if "=" in word else f"embedding={word}" for word in words]
    run = config.compose(named, fitting=False)
    wrong = chain(geometry(run), stages(run), widths(run), unfit(run))
    problems = [problem.message for problem in wrong]
    model = None if problems else build.network(run, run.dataset.classes or 1)
    parts = [described(name, options) for name, options in run.embedding.items()]
    if model is not None:
        of_stages = [members(stage) for stage in staged(model.position.eval())]
        for part, *strategies in zip(parts, *of_stages, strict=True):
            part["picture"], *later = map(picture, strategies)
            if later:
                part["later_pictures"] = [of for of in later if of is not None]
    network = {
        "dim": run.backbone.dim,
        "depth": run.backbone.depth,
        "heads": run.backbone.heads,
        "task": run.task.kind,
        "grid": [run.image_size // run.patch.size] * 2,
        **({"stages": [asdict(s) for s in sizes.stages_of(run)]} if run.backbone.depths else {}),
        "patch": run.patch.kind,
        **(costs(model, run) if model is not None else {"adds": None}),
        "does_not_fit": problems,
    }
    return {"embedding": "+".join(run.embedding), "strategies": parts, "network": network}


def staged(position: PositionEmbedding) -> list[PositionEmbedding]:
    """What speaks in each stage that has attention."""
    if isinstance(position, Staged):
        return [position.of(i) for i in range(position.silent, len(position.stages))]
    return [position]


def members(position: PositionEmbedding) -> list[PositionEmbedding]:
    """The strategy, or all that speak together."""
    if isinstance(position, Together):
        return [part for _, part in position.strategies()]
    return [position]


def costs(model: ViT, run: Run) -> dict[str, int | None]:
    """What the network has more than without position, and what it costs in all."""
    facts = metrics.cost(model, run.dataset.channels, run.image_size)
    silent = replace(run, embedding={"none": catalogue.given("none")})
    without = build.outline(silent, run.dataset.classes or 1).parameters()
    known = run.dataset.classes is not None  # else it depends on the folder
    return {
        "adds": facts["params"] - sum(weight.numel() for weight in without),
        "tokens": facts["tokens"],
        "params": facts["params"] if known else None,
        "flops_per_image": facts["flops_per_image"] if known else None,
    }


def described(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What the file of a strategy says, with the values that this run gives it."""
    entry, remarks = catalogue.entry(name), catalogue.remarks(name)
    needs, usual = options.get("_needs_", {}), flat(entry.options)
    given = {key: value for key, value in flat(options).items() if not key.startswith("_")}
    table = [
        {
            "name": key,
            "value": value,
            "default": usual.get(key),
            "meaning": meaning(key, value) or remarks.get(key, ""),
            "rules": dict(needs.get(key, SWITCHES[key].rules if key in SWITCHES else {})),
        }
        for key, value in given.items()
    ]
    facts = catalogue.one_plain(entry) | {"options": table}
    facts["new_grid"] = glossary.new_grid(given)
    facts["prefix"] = prefix_policy(given, entry.exceptions)
    return facts | {"needs": {key: rules for key, rules in needs.items() if key not in given}}


def meaning(key: str, value: object) -> str:
    """What a switch is for, and what its value means."""
    if key not in SWITCHES:
        return ""
    means = glossary.means(key, value)
    return SWITCHES[key].what + (f": {means}" if means else "")


def prefix_policy(options: Mapping[str, Any], exceptions: Mapping[str, str]) -> str:
    """What happens to CLS and registers."""
    if "prefix" in options:
        value = str(options["prefix"])
        return f"{value} ({glossary.means('prefix', value)})"
    return exceptions.get("test_leaves_prefix_tokens_alone", "pass by untouched")


@torch.no_grad()
def picture(strategy: PositionEmbedding) -> dict[str, Any] | None:
    """How the middle cell sees all others, from the first layer that has something to show."""
    trunk = strategy.trunk
    for layer in range(trunk.depth):
        for what, view in strategy.views(Site(trunk.grid, layer, trunk.prefix)).items():
            if what.rpartition("/")[2] == "table":
                title = "how alike the middle cell and all others are (cosine)"
                maps = similarity(view, trunk)[None]
            else:
                title, maps = seen(strategy, len(view)), view
            return {"title": f"{title}, layer {layer}", "maps": maps.float().tolist()}
    return None


def seen(strategy: PositionEmbedding, maps: int) -> str:
    """What so many maps of a strategy show."""
    if strategy.extra_channels:
        return "what every cell is told, a map per channel"
    if maps == 1:
        return "what the middle cell sees, in every head"
    each = "head" if maps == strategy.trunk.heads else "kernel"
    return f"what the middle cell sees, a map per {each}"


def similarity(table: Tensor, trunk: Trunk) -> Tensor:
    """Cosines of the middle cell's vector with all, [rows, cols]."""
    middle = table[trunk.grid.middle].expand_as(table)
    return torch.cosine_similarity(table.float(), middle.float(), dim=1).unflatten(0, trunk.grid)


def lines(facts: Mapping[str, Any], width: int, how: Style) -> list[str]:
    """The same for people."""
    said: list[str] = []
    for part in facts["strategies"]:
        said += [*textwrap.wrap(f"{part['name']}: {part['description']}", width), ""]
        said += [line for row in rows(part) for line in wrapped(*row, width)]
        for shown in filter(None, [part.get("picture"), *part.get("later_pictures", [])]):
            maps = [torch.tensor(values).numpy() for values in shown["maps"]]
            drawn = sketch(maps, how, width)
            said += ["", *textwrap.wrap(f"{shown['title']}:", width), *drawn]
        said.append("")
    network = facts["network"]
    size = "; ".join(map(sized, network.get("stages", [network])))
    if network["task"] != "classify":
        size += f", task={network['task']}"
    if network["does_not_fit"]:
        return [*said, *wrapped("this network", f"{size}: {network['does_not_fit'][0]}", width)]
    text = f"{network['adds']:,} more parameters than without position ({size}), {costly(network)}"
    return [*said, *wrapped("this network", text, width)]


def sized(network: Mapping[str, Any]) -> str:
    """The size of a network, or of a stage."""
    kind = "layers" if network.get("attends", True) else "convolutions"
    size = f"{network['depth']} {kind} of {network['dim']} channels"
    size += f" in {network['heads']} heads" if kind == "layers" else ""
    rows = network["grid"][0] if "grid" in network else network["side"]
    return f"{size}, {rows} x {rows} cells"


def costly(network: Mapping[str, Any]) -> str:
    """Tokens, parameters and operations, where they are known."""
    said = f"{counted(network['tokens'], 'token')} of {network['patch']} patches"
    if network["params"] is None:
        return said
    numbers = (count_words(network[key]) for key in ("params", "flops_per_image"))
    return "{}; {} parameters, {} FLOPs an image in all".format(said, *numbers)


def rows(part: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and texts of one strategy."""
    learned = part.get("parameters")
    found = [
        ("also called", part["known_as"]),
        ("paper", part["paper"]),
        *((label, part.get(fact, "")) for fact, label in list(catalogue.FACTS.items())[:5]),
        ("learns", "" if learned is None else f"{learned:,} numbers in {REFERENCE}"),
        ("new grid", part["new_grid"]),
        ("CLS, registers", part["prefix"]),
        ("verified", part.get("verified", "")),
    ]
    found += [("exception", f"{test}: {why}") for test, why in part.get("exceptions", {}).items()]
    found += [("needs", f"{key} {ruled(rules)}") for key, rules in part["needs"].items()]
    told_options = [optioned(option) for option in part["options"]]
    return [
        *((label, text) for label, text in found if text),
        *(("" if i else "options", text) for i, text in enumerate(told_options)),
    ]


def optioned(option: Mapping[str, Any]) -> str:
    """`name = value (usually other): meaning; what else it may be`."""
    text = f"{option['name']} = {word(option['value'])}"
    if option["value"] != option["default"]:
        text += f" (usually {word(option['default'])})"
    more = [text for text in (option["meaning"], ruled(option["rules"])) if text]
    return text + (f"   {'; '.join(more)}" if more else "")


def word(value: object) -> str:
    """A value as one types it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def ruled(rules: Mapping[str, Any]) -> str:
    """What a value may be."""
    said = [f"{BOUNDS[rule]} {bound}" for rule, bound in rules.items() if rule in BOUNDS]
    if "multiple_of" in rules:
        said.append(f"a multiple of {rules['multiple_of']}")
    if "one_of" in rules:
        said.append(f"one of {', '.join(map(word, rules['one_of']))}")
    return ", ".join(said)


def wrapped(label: str, text: str, width: int) -> list[str]:
    """A label and a text beside it, in lines of `width` columns."""
    indent = " " * (LABEL + 2)
    first = f"{label:{LABEL + 2}}"
    if not label:  # what follows on an option
        indent, first = f"{indent}  ", indent
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
