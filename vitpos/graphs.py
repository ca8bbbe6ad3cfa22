"""CUDA graphs: work that is always the same, recorded once and then repeated by one launch.

The work must read and write tensors that stay where they are, make the host wait for nothing, and
draw only from the default generator, whose seed a graph reads anew each time it is repeated.
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import warnings
from collections.abc import Callable
from typing import Generic, TypeVar

import torch

T = TypeVar("T")


class Repeated(Generic[T]):
    """Work done as it is a few times, then recorded, then repeated. Every call does it once.

    The first times are for libraries that set themselves up. What the work gives is then always in
    the same tensors. If it cannot be recorded, `mend` cleans up after the attempt, `failure` says
    why, and the work is done as it is for good.
    """

    def __init__(
        self,
        work: Callable[[], T],
        device: torch.device,
        *,
        plain: int = 3,
        mend: Callable[[], None] = lambda: None,
    ) -> None:
        self.work, self.mend, self.left = work, mend, plain
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.failure: Exception | None = None

    def __call__(self) -> T:
        """Do it."""
        if self.graph is None and self.failure is None and not self.left:
            self.record()
        if self.graph is None:
            self.left = max(0, self.left - 1)
            return self.plainly()
        self.graph.replay()
        return self.result

    def plainly(self) -> T:
        """As it is, on the stream that will be recorded."""
        here = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="This instance was constructed with capturab")
            result = self.work()
        here.wait_stream(self.stream)
        return result

    def record(self) -> None:
        """Record the work without doing it.

        Only what this thread does can spoil it: others may be at work with the device as well.
        """
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                self.result = self.work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.failure = error
            self.mend()
        else:
            self.graph = graph
