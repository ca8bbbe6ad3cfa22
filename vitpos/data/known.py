"""What known data sets are when their files are whole: digests, counts, sizes; where they are."""

from dataclasses import dataclass

from vitpos.errors import BadInput


@dataclass(frozen=True)
class Known:
    """A data set that torchvision knows how to read, and what it must be."""

    reader: str  # its class in torchvision.datasets
    folder: str  # below the root
    algorithm: str  # of the digests
    files: dict[str, str]  # name and digest
    train: int  # images
    test: int
    size: int
    channels: int
    classes: int
    mirrors: tuple[str, ...]  # addresses of folders, of which the first that works is used
    archive: str = ""  # of all files; without one each lies there by itself, as NAME.gz
    sha256: str = ""  # of the archive

    @property
    def image_bytes(self) -> int:
        """Of one image, unpacked."""
        return self.channels * self.size**2

    def largest(self, file: str) -> int:
        """Bytes that a file, or with no name all of them together, cannot exceed."""
        if self.archive:
            return (self.train + self.test) * (self.image_bytes + 256) + 2**20
        count = self.train if file.startswith("train") else self.test
        return 64 + count * (self.image_bytes if "images" in file else 1)


def idx(*digests: str) -> dict[str, str]:
    """The four files that MNIST and its kin are made of."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{name}-ubyte": digest for name, digest in zip(names, digests, strict=True)}


CIFAR = ("https://www.cs.toronto.edu/~kriz/",)

# The IDX files have no digest in torchvision: these were computed from the original files.
# CIFAR's are those of torchvision, for who has the files only; what is downloaded is held against
# the SHA-256 of the archive first, and the files are read as data in any case (`batches`).
KNOWN: dict[str, Known] = {
    "mnist": Known(
        reader="MNIST",
        folder="MNIST/raw",
        algorithm="sha256",
        files=idx(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        train=60_000,
        test=10_000,
        size=28,
        channels=1,
        classes=10,
        mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/",),
    ),
    "fashion_mnist": Known(
        reader="FashionMNIST",
        folder="FashionMNIST/raw",
        algorithm="sha256",
        files=idx(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        train=60_000,
        test=10_000,
        size=28,
        channels=1,
        classes=10,
        mirrors=("https://fashion-mnist.s3.eu-central-1.amazonaws.com/",),
    ),
    "cifar10": Known(
        reader="CIFAR10",
        folder="cifar-10-batches-py",
        algorithm="md5",
        files={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
        train=50_000,
        test=10_000,
        size=32,
        channels=3,
        classes=10,
        mirrors=CIFAR,
        archive="cifar-10-python.tar.gz",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "cifar100": Known(
        reader="CIFAR100",
        folder="cifar-100-python",
        algorithm="md5",
        files={
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
        train=50_000,
        test=10_000,
        size=32,
        channels=3,
        classes=100,
        mirrors=CIFAR,
        archive="cifar-100-python.tar.gz",
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
}


def known(name: str) -> Known:
    """The facts about a data set; raises `BadInput` for a name without."""
    if name not in KNOWN:
        raise BadInput(f"no data set `{name}` of torchvision", f"known: {', '.join(sorted(KNOWN))}")
    return KNOWN[name]
