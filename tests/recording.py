"""A CUDA graph played on a CPU: operations written down once, then done again in the same tensors.

As in a graph, nothing of Python runs the second time. Whatever a step took from Python and not
from a tensor that stays in its place is what it was when the step was written down.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Recording(TorchDispatchMode):
    """Does operations and remembers them with their tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, Any, Any, list[Tensor]]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        aliased = any(value.alias_info is not None for value in func._schema.returns)
        fresh = [] if aliased else [t for t in tree_leaves(result) if isinstance(t, Tensor)]
        self.done.append((func, args, kwargs or {}, [t.detach() for t in fresh]))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        """Do them again: what they made comes to where it was."""
        for func, args, kwargs, places in self.done:
            result = func(*args, **kwargs)
            fresh = [t for t in tree_leaves(result) if isinstance(t, Tensor)] if places else []
            for place, value in zip(places, fresh, strict=True):
                place.copy_(value)


class Repeated:
    """Stands for `vitpos.graphs.Repeated`: plain, then written down, then played."""

    failure = None

    def __init__(self, work: Callable[[], object], plain: int = 2) -> None:
        self.work, self.left = work, plain
        self.recording: Recording | None = None

    def __call__(self) -> None:
        """Do the work once."""
        if self.recording is not None:
            self.recording.replay()
        elif self.left:
            self.left -= 1
            self.work()
        else:
            with Recording() as self.recording:
                self.work()
