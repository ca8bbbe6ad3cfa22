"""The state of a run as named tensors: all that a later process needs to go on with the same bits.

What is put back comes to the tensors that are there already: recorded steps look for it there.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from vitpos.errors import BadRun
from vitpos.step import Learner
from vitpos.vit import ViT


def tensors(it: Learner) -> dict[str, Tensor]:
    """Weights, averaged weights, moments of the optimiser, the scale of fp16, sums."""
    names = {id(weight): name for name, weight in it.model.named_parameters()}
    state = {f"model/{name}": tensor for name, tensor in it.model.state_dict().items()}
    if it.averaged is not None:
        state |= {f"averaged/{n}": t for n, t in it.averaged.state_dict().items()}
    for weight, moments in it.optimiser.state.items():
        for what, tensor in moments.items():
            state[f"optimiser/{what}/{names[id(weight)]}"] = tensor
    scale = [it.scaler.get_scale(), it.scaler._get_growth_tracker()]
    state["loop/scaler"] = torch.tensor(scale, dtype=torch.float64)
    return state | {"loop/sums": it.sums}


def restore(it: Learner, state: Mapping[str, Tensor]) -> None:
    """Put back what `tensors` gave; KeyError, ValueError and the like if it does not fit."""
    it.model.load_state_dict(under(state, "model/"))
    if it.averaged is not None:
        it.averaged.load_state_dict(under(state, "averaged/"))
    for what in ("step", "exp_avg", "exp_avg_sq"):
        for name, tensor in under(state, f"optimiser/{what}/").items():
            moments = it.optimiser.state[it.model.get_parameter(name)]
            if what in moments:
                moments[what].copy_(tensor)
            else:
                moments[what] = tensor.to(it.machine.device)
    scale, tracker = state["loop/scaler"].tolist()
    if it.scaler.is_enabled():
        known = it.scaler.state_dict()
        it.scaler.load_state_dict(known | {"scale": scale, "_growth_tracker": int(tracker)})
    it.sums.copy_(state["loop/sums"])


def stop_at_mismatch(model: ViT, state: Mapping[str, Tensor]) -> None:
    """Raise `BadRun` naming the first weights that differ from the checkpoint's."""
    have = {f"model/{n}": tuple(t.shape) for n, t in model.state_dict().items()}
    said = {n: tuple(t.shape) for n, t in state.items() if n.startswith("model/")}
    if have != said:
        odd = sorted(n for n in have.keys() | said.keys() if have.get(n) != said.get(n))
        raise BadRun(f"the checkpoint has other weights: {', '.join(odd[:3])}")


def under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names start with `prefix`, without it."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
