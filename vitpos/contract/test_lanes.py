"""What a strategy says to several networks at once, each with numbers of its own."""

import torch
from torch import Tensor

from vitpos.keys import key
from vitpos.lanes.chances import Chances
from vitpos.lanes.network import LaneViT
from vitpos.specimens import SIZE, loud, noise, vit
from vitpos.vit import ViT

SEEDS = (0, 1, 2)


def networks(name: str) -> list[ViT]:
    """One for each seed, in training, with position parameters that cannot be overheard."""
    found = [vit(name, seed=seed, pool="cls", registers=1, dropout=0.1) for seed in SEEDS]
    for seed, model in zip(SEEDS, found, strict=True):
        loud(model.position, seed)
        model.attend_with("explicit")
    return [model.train() for model in found]


def gradients(model: ViT) -> list[Tensor]:
    """Of the position parameters, after which there are none."""
    found = [weight.grad for weight in model.position.parameters() if weight.grad is not None]
    model.zero_grad()
    return found


def together(models: list[ViT], images: list[Tensor], seeds: tuple[int, ...]) -> Tensor:
    """Scores of all lanes, and gradients in the position parameters of each."""
    names = [n for n, _ in models[0].named_parameters() if not n.startswith("position.")]
    weights = {n: torch.stack([m.get_parameter(n) for m in models]) for n in names}
    chances = Chances(seeds, 0, torch.device("cpu"))
    scores = LaneViT(models)(torch.stack(images), weights, chances)
    scores.square().mean((1, 2)).sum().backward()
    return scores.detach()


def test_speaks_to_lanes_as_to_one_alone(name: str) -> None:
    """Scores and gradients of each are those of a run alone; neighbours change no bit of them."""
    models = networks(name)
    images = [noise(2, 3, SIZE, SIZE, seed=seed) for seed in SEEDS]
    alone, wanted = [], []
    for seed, model, batch in zip(SEEDS, models, images, strict=True):
        torch.manual_seed(key(seed, "step", 0))  # as a step does, for dropout
        scores = model(batch)
        scores.square().mean().backward()
        alone.append(scores.detach())
        wanted.append(gradients(model))
    all_three = together(models, images, SEEDS)
    found = [gradients(model) for model in models]
    last = together(models[2:], images[2:], SEEDS[2:])

    torch.testing.assert_close(all_three, torch.stack(alone), rtol=1e-5, atol=1e-6)
    for of_lane, of_alone in zip(found, wanted, strict=True):
        torch.testing.assert_close(of_lane, of_alone, rtol=1e-4, atol=1e-6)
    assert torch.equal(last[0], all_three[2])
    assert all(map(torch.equal, gradients(models[2]), found[2]))
