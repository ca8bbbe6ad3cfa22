"""From a checked run to a network with its first weights.

Each weight is drawn by a generator of its own name, and each strategy by one of its own, so that
networks that differ only in their embedding start with the same bits everywhere else.
"""

import importlib
import inspect
import re
from collections.abc import Mapping
from math import sqrt
from typing import Any, get_args, get_type_hints

import torch
from torch import nn

from vitpos import plugins
from vitpos.embeddings.additive import Additive, Injected
from vitpos.embeddings.base import PositionEmbedding, Trunk
from vitpos.embeddings.together import Together
from vitpos.errors import BadInput
from vitpos.keys import generator, key
from vitpos.patches import Reader
from vitpos.pyramid import Pyramid
from vitpos.schema import Backbone, Run
from vitpos.tasks.asked import asked
from vitpos.vit import Attention, Plain, Pooling, ViT

FREE = ("prefix", "pooling.query")  # vectors of their own, that read nothing


def network(run: Run, classes: int) -> ViT:
    """The network of `run` as it is before the first step, on the CPU in float32.

    The data have so many classes; how many numbers the head gives is the task's to say.
    """
    with torch.random.fork_rng(devices=[]):  # torch's layers draw numbers that `draw` replaces
        model = assembled(run, classes)
    draw(model, run.stream)
    return model


def outline(run: Run, classes: int) -> ViT:
    """The same network without its numbers, but for those of the position embedding: to count."""
    with torch.device("meta"):
        return assembled(run, classes)


def assembled(run: Run, classes: int) -> ViT:
    """The same network with whatever numbers torch gives it, but for the position embedding."""
    task = asked(run, classes)

    def position(trunk: Trunk, stage: int = 0) -> PositionEmbedding:
        with torch.device("cpu"):
            return embedding(run.embedding, trunk, run.stream, stage)

    return kind(run.backbone)(
        position,
        run.backbone,
        channels=run.dataset.channels,
        image_size=run.image_size,
        patch=run.patch,
        classes=task.outputs,
        per_token=task.per_token,
    )


def kind(backbone: Backbone) -> type[Plain | Pyramid]:
    """The class of such networks."""
    return Plain if backbone.kind == "plain" else Pyramid


def embedding(
    chosen: Mapping[str, Mapping[str, Any]], trunk: Trunk, seed: int, stage: int = 0
) -> PositionEmbedding:
    """The strategy that a config names, or several of them together; of a stage, if of many."""
    own = (f"stage {stage}",) if stage else ()
    parts = {}
    for name, options in chosen.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(key(seed, "init", "position", name, *own))
            try:
                parts[name] = made(options, trunk)
            except (ValueError, TypeError) as error:
                raise BadInput(f"embedding.{name}: {error}") from error
    if len(parts) == 1:
        return next(iter(parts.values()))
    try:
        return Together(trunk, parts)
    except ValueError as error:
        raise BadInput(f"embedding={'+'.join(parts)}: {error}") from error


def made(options: Mapping[str, Any], trunk: Trunk) -> PositionEmbedding:
    """One strategy; a table gets into the network by `Injected`."""
    given = {key: value for key, value in options.items() if not key.startswith("_")}
    found = strategy(options)
    wanted = keywords(found)
    for word, names in ("lacks", wanted - given.keys()), ("does not know", given.keys() - wanted):
        if names:
            raise TypeError(f"{found.__name__} {word} {', '.join(sorted(names))}")
    if not issubclass(found, Additive):
        return found(trunk, **given)
    how = {key: given.pop(key) for key in ("inject", "prefix") if key in given}
    return Injected(trunk, lambda: found(trunk, **given), **how)


def keywords(found: type[PositionEmbedding] | type[Additive]) -> set[str]:
    """The options that a strategy must be given: each, and no other."""
    names = {"inject", "prefix"} if issubclass(found, Additive) else set()
    for kind in found.__mro__:
        if "__init__" not in vars(kind):
            continue
        parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
        names |= {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        others = [p.annotation for p in parameters if p.kind is p.VAR_KEYWORD]
        told = [switches for annotation in others for switches in get_args(annotation)]
        for switches in told:  # `**switches: Unpack[Switches]`
            names |= get_type_hints(switches).keys()
        if told or not others:  # else they go on to the next class
            break
    return names


def strategy(options: Mapping[str, Any]) -> type[PositionEmbedding] | type[Additive]:
    """The class that ``_target_`` names, of this package or of a plugin that was trusted."""
    target = str(options.get("_target_"))
    path, _, name = target.rpartition(".")
    if plugins.owner(target) in plugins.TRUSTED and re.fullmatch(r"\w+(\.\w+)*", path):
        found = getattr(plugins.module(path), name, None)
    elif re.fullmatch(r"vitpos\.embeddings\.\w+", path):
        try:
            found = getattr(importlib.import_module(path), name, None)
        except ModuleNotFoundError as error:
            raise BadInput(f"{target}: there is no module {path}") from error
    else:
        raise BadInput(f"{target} is not a strategy in vitpos.embeddings")
    if not (isinstance(found, type) and issubclass(found, PositionEmbedding | Additive)):
        raise BadInput(f"{target} is not a PositionEmbedding")
    return found


def draw(model: ViT, seed: int) -> None:
    """Give every weight outside the position embedding its first value.

    Matrices are Xavier-uniform, packed queries, keys and values each on their own, and convolutions
    as the matrices that they are at one place; biases zero; prefix tokens normal with a deviation
    of 0.02, and so is the query that pools. What reads channels that the embedding appends to the
    image is drawn apart, so that what reads the image is the same as in other networks.
    """
    own = {id(parameter) for parameter in model.position.parameters()}
    parts = {id(m.qkv.weight): 3 for m in model.modules() if isinstance(m, Attention)}
    parts |= {id(m.kv.weight): 2 for m in model.modules() if isinstance(m, Pooling)}
    extra = {id(m.reads): m.extra / m.planes for m in model.modules() if isinstance(m, Reader)}
    for name, weight in model.named_parameters():
        if id(weight) in own or weight.ndim < 2:
            continue  # norms, biases and scales are constants already, but for those of layers
        random = generator(seed, "init", name)
        matrix = weight.data.flatten(1)
        if name in FREE:
            nn.init.normal_(weight, std=0.02, generator=random)
        elif extra.get(id(weight)):
            appended = round(extra[id(weight)] * matrix.shape[1])
            of_image, of_extra = matrix[:, :-appended], matrix[:, -appended:]
            nn.init.xavier_uniform_(of_image, generator=random)
            bound = sqrt(6 / sum(of_image.shape))
            own_name = () if name.startswith("patches.") else (name,)
            random = generator(seed, "init", "extra", *own_name)
            nn.init.uniform_(of_extra, -bound, bound, generator=random)
        else:
            for part in matrix.chunk(parts.get(id(weight), 1)):
                nn.init.xavier_uniform_(part, generator=random)
    for module in model.modules():
        bias = module.bias if isinstance(module, nn.Linear | nn.Conv2d) else None
        if bias is not None and id(bias) not in own:
            nn.init.zeros_(bias)


def is_position(model: ViT) -> set[str]:
    """Names of the parameters that belong to the position embedding."""
    return {f"position.{name}" for name, _ in model.position.named_parameters()}
