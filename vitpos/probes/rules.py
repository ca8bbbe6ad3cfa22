"""How a strategy meets a grid it was not trained on: as its file says, or as somebody asks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vitpos import build
from vitpos.errors import BadInput
from vitpos.probes.subject import Subject
from vitpos.switches import RESAMPLE, SWITCHES, missing
from vitpos.vit import ViT

INTERPOLATE = ("rescale", "pi")  # of coordinates: into the range of the training


def allowed(options: Mapping[str, Any], switch: str) -> tuple[str, ...]:
    """The values that a strategy takes for a switch that it has."""
    rule = (options.get("_needs_") or {}).get(switch) or SWITCHES[switch].rules
    return tuple(rule.get("one_of", SWITCHES[switch].rules["one_of"]))


def changed(name: str, options: Mapping[str, Any], word: str) -> dict[str, Any] | str:
    """The options of one strategy under a rule, or why it has none such."""
    if word in RESAMPLE or (word == "interpolate" and "new_grid" not in options):
        if "resample" not in options:
            return f"{name}: {missing(f'embedding.{name}.resample')}"
        return dict(options) | ({} if word == "interpolate" else {"resample": word})
    if "new_grid" not in options:
        return f"{name}: {missing(f'embedding.{name}.new_grid')}"
    known = allowed(options, "new_grid")
    values = [v for v in (INTERPOLATE if word == "interpolate" else (word,)) if v in known]
    if not values:
        return f"{name}: new_grid is one of {', '.join(known)}"
    return dict(options) | {"new_grid": values[0]}


def variant(subject: Subject, word: str) -> ViT | str:
    """The network with the same weights under another rule, or why there is none.

    Of several strategies together, those that have the switch follow it.
    """
    embedding = dict(subject.run.embedding)
    tried = {name: changed(name, options, word) for name, options in embedding.items()}
    found = {name: options for name, options in tried.items() if not isinstance(options, str)}
    if not found:
        return "; ".join(why for why in tried.values() if isinstance(why, str))
    run = replace(subject.run, embedding=embedding | found)
    try:
        model = build.network(run, subject.model.head.out_features)
        model.load_state_dict(subject.model.state_dict())
    except (BadInput, RuntimeError) as error:
        return f"the network cannot be built with {word}: {error}"
    model.attend_with(subject.machine.attention)
    return model.to(subject.machine.device).eval()
