"""Too little memory, told in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vitpos import ranks
from vitpos.errors import NoResources
from vitpos.schema import Run


@contextmanager
def resources(run: Run) -> Iterator[None]:
    """Say in one line that memory did not suffice."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise out_of_memory(run) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise out_of_memory(run) from error


def out_of_memory(run: Run) -> NoResources:
    """What to try with less memory."""
    size = run.training.batch_size
    half = max(1, (run.training.micro_batch or size // ranks.here().size) // 2)
    return NoResources(f"out of memory at batch {size}", f"training.micro_batch={half}")
