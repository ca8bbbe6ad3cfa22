"""What a run is made of: one dataclass per config group, each value with its range.

The numbers themselves live in `configs/`; nothing here has a default. No import but the standard
library, so that a whole run is checked before anything heavy is loaded.
"""

from dataclasses import dataclass, field
from typing import Any

from vitpos.keys import key


def value(**limits: Any) -> Any:
    """A field with limits: at_least, at_most, above, below, one_of.

    `hint` is what else could be meant by a number out of range.
    `absent` is what runs have whose config is older than the field: the value that changes nothing.
    `truth` are the words for true and false, which YAML makes of ``on`` and ``off``; `words` stand
    for other values; `kinds` are dataclasses that take the field's place, by the value of `kind`.
    """
    return field(metadata=limits)


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Moves that leave the class of an image what it is. They are facts about the data."""

    shift: int = value(at_least=0)  # pixels, either way: a random crop after padding by as much
    rotate: float = value(at_least=0, at_most=180)  # degrees, either way
    scale: float = value(at_least=0, below=1)  # 0.1: between 0.9 and 1.1 times the size
    flip: bool = value()  # left and right
    fill: str = value(one_of=("zeros", "reflect"))  # what comes in over the border


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Where images come from and what they are like."""

    name: str = value()
    source: str = value(one_of=("embedded", "torchvision", "folder"))
    root: str | None = (
        value()
    )  # the folder of the files; null: $VITPOS_DATA or ~/.cache/vitpos/data
    size: int = value(at_least=1, at_most=4096)  # pixels, each way
    channels: int = value(one_of=(1, 3))
    classes: int | None = value(at_least=2)  # null: as many as the folder has
    validation: int = value(at_least=1)  # training images held out, the same for every seed
    mean: list[float] | None = value()  # per channel, of pixels in 0..1; null: measured
    std: list[float] | None = value(above=0)
    patch: int = value(at_least=1)  # the usual patch size for this data
    geometry: Geometry = value()
    moved: str = value(one_of=("none", "shifted", "rotated", "cluttered"), absent="none")


@dataclass(frozen=True, kw_only=True)
class Patch:
    """How pixels become tokens."""

    kind: str = value(one_of=("linear", "overlap", "conv_stem", "spt", "hybrid"))
    size: int = value(at_least=1)
    shuffle: bool = value(absent=False)  # in random places, anew for each image: a control


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of an image: by itself, its class; `kind` says which of `TASKS` it is."""

    kind: str = value(one_of=("classify", "locate", "relate", "where", "jigsaw"), absent="classify")

    def side(self, size: int) -> int:
        """Pixels each way of what the network reads, if images have so many."""
        return size


@dataclass(frozen=True, kw_only=True)
class OnCanvas(Task):
    """Something about images at random places of a larger, black canvas."""

    canvas: int | None = value(at_least=1, at_most=4096)  # pixels each way; null: two images' size
    shrink: int = value(at_least=1, at_most=64)  # images are so many times smaller on it
    whole: bool = value()  # placed on whole patches, so that no patch shows where it was cut
    clutter: int = value(at_least=0, at_most=64)  # pieces of other images behind them

    def side(self, size: int) -> int:
        """The canvas."""
        return self.canvas or 2 * size


@dataclass(frozen=True, kw_only=True)
class Locate(OnCanvas):
    """The class of an image and the box that it fills."""

    l1: float = value(at_least=0)  # weights in the loss, where that of the class is 1
    giou: float = value(at_least=0)


@dataclass(frozen=True, kw_only=True)
class Relate(OnCanvas):
    """Which of two images is further to the left, or above."""

    relation: str = value(one_of=("left", "above"))


@dataclass(frozen=True, kw_only=True)
class Where(OnCanvas):
    """The cell of the canvas that holds an image."""

    cells: int = value(at_least=2, at_most=64)  # each way


TASKS: dict[str, type[Task]] = {"locate": Locate, "relate": Relate, "where": Where}  # by kind


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """The transformer.

    A pyramid or a hybrid has several stages: `dim` and `heads` are those of the first, and twice as
    many in each that follows, `depth` is the sum of `depths`.
    """

    kind: str = value(one_of=("plain", "pyramid", "hybrid"), absent="plain")
    depth: int = value(at_least=1)
    dim: int = value(at_least=1)
    heads: int = value(at_least=1)
    depths: list[int] = value(at_least=1, absent=[])  # blocks of each stage; none: one stage
    convolutions: int = value(at_least=0, absent=0)  # stages without attention: the first ones
    window: int = value(at_least=0, absent=0)  # cells each way that see each other; 0: all
    mlp_ratio: float = value(above=0)
    pool: str = value(one_of=("mean", "cls", "attention"))
    registers: int = value(at_least=0)
    dropout: float = value(at_least=0, below=1)
    drop_path: float = value(at_least=0, below=1)  # of the last block; earlier ones less
    layer_scale: float = value(at_least=0)  # at the start; 0: none
    qk_norm: bool = value(absent=False)  # of queries and keys, in each head


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Changes of the training images besides those of `Dataset.geometry`."""

    geometry: bool = value()  # whether `dataset.geometry` is used at all
    policy: str = value(one_of=("none", "trivial", "rand"))  # TrivialAugment or RandAugment
    policy_ops: int = value(at_least=1, at_most=8)  # RandAugment: how many, one after another
    policy_magnitude: float = value(at_least=0, at_most=30)  # RandAugment: of 30
    mixup: float = value(at_least=0)  # alpha of the beta distribution; 0: off
    cutmix: float = value(at_least=0)
    erase: float = value(at_least=0, at_most=1)  # share of images that lose a rectangle


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long and how the network learns."""

    epochs: int = value(at_least=1, hint="without training: `vitpos eval` of a run there is")
    batch_size: int = value(at_least=1)
    micro_batch: int = value(at_least=0)  # images per pass; gradients add up; 0: chosen by device
    limit: int | None = value(at_least=1)  # learn from this many images only
    lr: float = value(above=0)
    schedule: str = value(one_of=("cosine", "linear", "constant"))
    warmup_epochs: float = value(at_least=0)
    weight_decay: float = value(at_least=0)
    betas: list[float] = value(at_least=0, below=1)
    clip_grad: float = value(at_least=0)  # norm of all gradients; 0: off
    label_smoothing: float = value(at_least=0, below=1)
    ema: float = value(at_least=0, below=1)  # decay per step of averaged weights; 0: off
    checkpoint_seconds: float = value(at_least=0)  # at most one checkpoint in as many seconds
    augment: Augment = value()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One arm with one seed."""

    dataset: Dataset = value()
    patch: Patch = value()
    embedding: dict[str, dict[str, Any]] = value()
    backbone: Backbone = value()
    training: Training = value()
    task: Task = value(absent={}, kinds=TASKS)
    seed: int = value(at_least=0, at_most=2**63 - 1)
    replica: int = value(at_least=0, at_most=2**63 - 1, absent=0)  # the same arm drawn once more
    precision: str = value(one_of=("auto", "fp32", "tf32", "bf16", "fp16"))
    device: str = value()  # auto, cpu, cuda, cuda:1, mps
    threads: int = value(at_least=0, at_most=1024)  # of the CPU; 0: as many as have enough to do
    attention: str = value(one_of=("auto", "explicit", "sdpa", "tile"))
    kernels: str = value(one_of=("auto", "on", "off"), absent="auto")  # ours, on GPUs
    deterministic: bool = value()
    compile: str = value(one_of=("auto", "on", "off"), truth={True: "on", False: "off"})
    tensorboard: bool = value()
    outputs: str = value()
    study: str = value()  # the folder inside `outputs`
    name: str | None = value()  # of the run's folder; null: made from the arm
    notes: str = value()

    @property
    def image_size(self) -> int:
        """Pixels each way of what the network reads: of an image, or of a canvas."""
        return self.task.side(self.dataset.size)

    @property
    def stream(self) -> int:
        """What its random numbers belong to: the seed, or another number for each replica."""
        return key(self.seed, "replica", self.replica) if self.replica else self.seed


@dataclass(frozen=True, kw_only=True)
class Launching:
    """Where and how the members of a sweep run. It is no part of a run: no number depends on it."""

    kind: str = value(one_of=("local", "slurm", "ray"))
    member_seconds: float | None = value(above=0)
    silent_seconds: float | None = value(above=0)
    grace_seconds: float = value(above=0)
    lanes: int = value(at_least=0, at_most=256, words={"auto": 0}, absent=0)


@dataclass(frozen=True, kw_only=True)
class Local(Launching):
    """On this machine."""

    devices: list[int] | None = value(at_least=0)
    slots_per_device: int = value(at_least=0, at_most=1024)
    import_once: bool = value()


@dataclass(frozen=True, kw_only=True)
class Cluster(Launching):
    """On other machines."""

    cpus: int = value(at_least=1, at_most=1024)
    resubmit: int = value(at_least=0, at_most=1000)


@dataclass(frozen=True, kw_only=True)
class Slurm(Cluster):
    """As jobs of Slurm, or of submitit on this machine."""

    cluster: str = value(one_of=("slurm", "local", "auto"))
    partition: str | None = value()
    account: str | None = value()
    qos: str | None = value()
    constraint: str | None = value()
    timeout_minutes: int = value(at_least=1)
    signal_seconds: int = value(at_least=5)
    gpus: int = value(at_least=0, at_most=1024)
    memory_gb: float | None = value(above=0)
    setup: list[str] = value()
    max_jobs: int = value(at_least=1, at_most=10000)


@dataclass(frozen=True, kw_only=True)
class Ray(Cluster):
    """As tasks of Ray."""

    address: str | None = value()
    gpus: int | None = value(at_least=0, at_most=1024)
    slots_per_device: int = value(at_least=1, at_most=1024)
    max_jobs: int = value(at_least=0, at_most=10000)
