"""How weights move: the optimiser's groups by role, the learning rate, averaged weights."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vitpos.build import FREE, is_position
from vitpos.schema import Training
from vitpos.vit import ViT


def groups(model: ViT, weight_decay: float) -> dict[str, list[str]]:
    """Names of parameters by role: matrices decay; position, biases, norms and `FREE` do not."""
    position = is_position(model)
    roles: dict[str, list[str]] = {"decay": [], "no_decay": [], "position": []}
    for name, weight in model.named_parameters():
        decays = weight.ndim >= 2 and name not in FREE and weight_decay > 0
        role = "position" if name in position else "decay" if decays else "no_decay"
        roles[role].append(name)
    return roles


def optimiser(model: ViT, training: Training, *, recorded: bool = False) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101), fused.

    On CUDA its learning rate is a tensor there, which `set_rate` fills; its steps can be `recorded`
    in a graph if that is said now.
    """
    weights = dict(model.named_parameters())
    roles = groups(model, training.weight_decay).items()
    found = {role: [weights[name] for name in names] for role, names in roles}
    return adamw(found, training, next(model.parameters()).device, recorded=recorded)


def adamw(
    roles: Mapping[str, Sequence[Tensor]],
    training: Training,
    device: torch.device,
    *,
    recorded: bool,
) -> torch.optim.AdamW:
    """The same for tensors that are given by role."""
    parts = [
        {"params": [*tensors], "weight_decay": training.weight_decay if role == "decay" else 0.0}
        for role, tensors in roles.items()
        if any(tensor.numel() for tensor in tensors)
    ]
    beta1, beta2 = training.betas
    rate = torch.tensor(training.lr, device=device) if device.type == "cuda" else training.lr
    return torch.optim.AdamW(parts, lr=rate, betas=(beta1, beta2), fused=True, capturable=recorded)


def set_rate(optimiser: torch.optim.Optimizer, rate: float | Tensor) -> None:
    """The learning rate of the next step; a tensor is copied to the one that is there."""
    for group in optimiser.param_groups:
        if isinstance(rate, Tensor):
            group["lr"].copy_(rate)
        else:
            group["lr"] = rate


def learning_rate(training: Training, step: int, steps_per_epoch: int) -> float:
    """Linear warm-up, then the schedule down to a thousandth; `step` counts from zero."""
    total = training.epochs * steps_per_epoch
    warm = training.warmup_epochs * steps_per_epoch
    if step < warm:
        return training.lr * (step + 1) / (math.floor(warm) + 1)
    done = (step - warm) / max(1.0, total - warm)
    shape = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "constant": 1.0}
    return training.lr * (0.001 + 0.999 * shape[training.schedule])


def share(decay: float, step: int) -> float:
    """How much of new weights goes into averaged ones: more in the first steps."""
    return 1 - min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def average(averaged: list[Tensor], weights: Sequence[Tensor], share: float | Tensor) -> None:
    """Exponential moving average of weights.

    With a tensor for `share` the last bit may differ: torch has no such interpolation for lists.
    """
    if isinstance(share, Tensor):
        ways = torch._foreach_sub(list(weights), averaged)
        torch._foreach_mul_(ways, share)
        torch._foreach_add_(averaged, ways)
    else:
        torch._foreach_lerp_(averaged, list(weights), share)
