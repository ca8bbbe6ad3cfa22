"""Whether our kernels do on this GPU what plain PyTorch does: asked once, before the first step.

Kernels that were chosen by themselves are so never the reason that a run fails or learns something
else. What the user insists on is not asked.
"""

from dataclasses import replace

import torch
from torch import Tensor

from vitpos.kernels import launching
from vitpos.machine import Machine
from vitpos.schema import Run
from vitpos.vit import ViT

IMAGES = 4
TOO_FAR = 0.1  # of the length of all gradients; half precision makes it 0.01, a mistake 1


def trusted(run: Run, model: ViT, machine: Machine) -> tuple[Machine, str]:
    """The machine as it should be used, and why without kernels, if they are not to be trusted."""
    chosen = run.kernels == "auto" and run.attention == "auto"
    if not chosen or machine.kernels == "off" or machine.device.type != "cuda":
        return machine, ""
    why = disagreement(model, run, machine)
    if not why:
        return machine, ""
    launching.use("off", machine.device)
    return replace(machine, kernels="off", attention="sdpa"), f"without our kernels: {why}"


def disagreement(model: ViT, run: Run, machine: Machine) -> str:
    """What goes wrong with kernels, if anything."""
    model = model.to(machine.device)
    try:
        got = answers(model, run, machine, "on", machine.attention)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a compiler or a driver may think of
        said = (str(error).strip().splitlines() or [""])[0]
        return f"{type(error).__name__}: {said[:160]}"
    finally:
        model.zero_grad()
    wanted = answers(model, run, machine, "off", "sdpa")
    model.zero_grad()
    launching.use("on", machine.device)
    far = max(apart(one, other) for one, other in zip(got, wanted, strict=True))
    return "" if far <= TOO_FAR else f"they are {far:.1g} from plain PyTorch"


def answers(model: ViT, run: Run, machine: Machine, kernels: str, way: str) -> list[Tensor]:
    """Scores of random images, and all gradients of what they sum up to."""
    launching.use(kernels, machine.device)
    model.attend_with(way)
    model.zero_grad()
    source = torch.Generator().manual_seed(0)
    shape = IMAGES, run.dataset.channels, run.image_size, run.image_size
    torch.manual_seed(0)  # what dropout and moved coordinates draw is the same both times
    with machine.autocast():
        scores = model(torch.randn(shape, generator=source).to(machine.device))
    scores.float().square().sum().backward()
    grads = [w.grad.float().flatten() for w in model.parameters() if w.grad is not None]
    return [scores.detach().float(), torch.cat(grads)]


def apart(one: Tensor, other: Tensor) -> float:
    """The length of the difference, in that of the second; infinite if anything is no number."""
    share = ((one - other).norm() / other.norm().clamp(min=1e-30)).item()
    return share if share == share else float("inf")
