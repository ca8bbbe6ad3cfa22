"""Image files to pixels, decoded once."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_data import dataset, folder

from vitpos.data import decode, kept
from vitpos.data import folder as folders
from vitpos.data.sources import load
from vitpos.errors import BadData, NoResources

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vitpos" / "decoded"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twenty images to learn from and twenty for the test."""
    return folder(tmp_path / "images", "train", "test")


def small(root: Path) -> object:
    """The data set of a folder."""
    return dataset("imagefolder", root=str(root), size=8, validation=4)


def smooth(width: int, height: int) -> Image.Image:
    """A picture without edges."""
    rows, columns = np.mgrid[:height, :width] / max(width, height)
    planes = np.stack([rows, columns, (rows + columns) / 2], -1)
    return Image.fromarray((255 * planes).astype(np.uint8))


@pytest.mark.parametrize("shape", [(8, 8), (64, 64), (5, 5), (40, 64), (65, 33)])
@pytest.mark.parametrize("channels", [1, 3])
def test_scales_and_crops_as_torchvision(
    tmp_path: Path, shape: tuple[int, int], channels: int
) -> None:
    """Shorter side to the size, then the middle: within a rounding of its two steps."""
    from torchvision.transforms import functional as F

    path = tmp_path / "image.png"
    smooth(*shape).save(path)
    image = smooth(*shape).convert("L" if channels == 1 else "RGB")
    wanted = np.asarray(F.center_crop(F.resize(image, 8), [8, 8])).reshape(8, 8, channels)
    found = decode.square(path, 8, channels).transpose(1, 2, 0)

    tolerance = 0 if shape[0] == shape[1] else 12
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= tolerance


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_pixel_becomes_grey_or_colour(
    tmp_path: Path, mode: str, channels: int
) -> None:
    """White stays white and black stays black, whatever the file holds."""
    suffix = "tiff" if mode in ("CMYK",) else "png"
    values = np.zeros((8, 8), np.uint16)
    values[:, 4:] = 65_535
    plain = Image.fromarray((values >> 8).astype(np.uint8))
    image = Image.fromarray(values) if mode == "I;16" else plain.convert("RGB").convert(mode)
    path = tmp_path / f"image.{suffix}"
    image.save(path)
    found = decode.square(path, 8, channels)

    assert found.shape == (channels, 8, 8)
    assert (found[:, :, :4] == 0).all()
    assert (found[:, :, 4:] == 255).all()


def test_sixteen_bits_keep_their_shades(tmp_path: Path) -> None:
    """Grey of 16 bits is divided, not cut off at 255."""
    path = tmp_path / "deep.png"
    Image.fromarray((np.arange(64, dtype=np.uint16) * 1024).reshape(8, 8)).save(path)

    assert decode.square(path, 8, 1).flatten().tolist() == [4 * i for i in range(64)]


def test_palettes_with_transparency_are_silent(tmp_path: Path) -> None:
    """An odd but sound image is no reason for a warning."""
    path = tmp_path / "image.png"
    Image.new("P", (8, 8), 3).save(path, transparency=bytes(range(8)))

    with decode.quiet():
        assert decode.square(path, 8, 3).shape == (3, 8, 8)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8\xff\xe0 cut", b"%!PS-Adobe"])
def test_names_the_damaged_image(root: Path, content: bytes) -> None:
    """The file that cannot be decoded is named, and nothing is kept."""
    damaged = root / "train" / "dog" / "07.png"
    damaged.write_bytes(content)

    with pytest.raises(BadData, match=f"{damaged} is not an image that can be read") as caught:
        load(small(root))
    assert "\n" not in caught.value.message


def test_names_the_truncated_image(root: Path) -> None:
    """Half an image is damaged, not half black."""
    path = root / "train" / "dog" / "07.jpg"
    smooth(64, 64).save(path)
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(BadData, match=f"{path} is not an image that can be read: .*truncated"):
        load(small(root))


def test_refuses_bombs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image of more pixels than Pillow warns about is an error, before it is decoded."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    big = root / "train" / "cat" / "99.png"
    smooth(40, 40).save(big)

    with pytest.raises(BadData, match=f"{big} is too large an image"):
        load(small(root))
    smooth(400, 400).save(big)
    with pytest.raises(BadData, match=f"{big} is too large an image"):
        load(small(root))


def test_a_long_strip_takes_no_more_memory_than_its_middle(tmp_path: Path) -> None:
    """One pixel by a million is cropped before it is scaled."""
    path = tmp_path / "strip.png"
    Image.new("L", (1_000_000, 1), 7).save(path)

    assert decode.square(path, 8, 1).tolist() == [[[7] * 8] * 8]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"]), st.data())
def test_any_damage_is_an_image_or_an_error(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    """Whatever bytes change: pixels or `BadData`, never anything else."""
    stream = io.BytesIO()
    smooth(12, 9).save(stream, kind)
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "fuzzed"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])

    with decode.quiet():
        try:
            said = f"{path} of shape {decode.square(path, 8, 3).shape}"
        except BadData as error:
            said = error.message

    assert said.startswith((f"{path} of shape (3, 8, 8)", f"{path} is not an", f"{path} is too"))


def test_decodes_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second load opens no image and has the same pixels; progress is told while decoding."""
    told = []
    first = load(small(root), lambda *words: told.append(words))
    monkeypatch.setattr(decode, "square", lambda *_: pytest.fail("decoded again"))
    again = []
    second = load(small(root), lambda *words: again.append(words))

    assert first.digest == second.digest
    assert told[-1] == (40, 40, "decoding images")
    assert again == []


@pytest.mark.parametrize("change", ["time", "size", "name", "more"])
def test_decodes_again_when_a_file_changes(root: Path, change: str) -> None:
    """Another time, size, name or number of files is another cache entry."""
    images = folders.read(root).splits["train"]
    before = kept.key(root, images, 8, 3)
    path = root / "train" / "cat" / "03.png"
    if change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "size":
        path.write_bytes(path.read_bytes() + b"\0")
    elif change == "name":
        path.rename(path.with_name("03b.png"))
    else:
        path.with_name("x.png").write_bytes(path.read_bytes())
    images = folders.read(root).splits["train"]

    assert kept.key(root, images, 8, 3) != before
    assert kept.key(root, images, 8, 1) != kept.key(root, images, 8, 3)
    assert kept.key(root, images, 9, 3) != kept.key(root, images, 8, 3)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "text", "swap"])
def test_a_damaged_cache_is_made_anew(root: Path, cache: Path, damage: str) -> None:
    """Whatever happened to the kept pixels, the images decide."""
    digest = load(small(root)).digest
    (path,) = cache.iterdir()
    content = path.read_bytes()
    other = np.full((40, 3, 8, 8), 9, np.uint8)
    if damage == "swap":
        kept.keep("another", other)
        (cache / "another.safetensors").replace(path)
    else:
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes(
            {"flip": flipped, "truncate": content[:-7], "empty": b"", "text": b"{}" * 50}[damage]
        )

    assert load(small(root)).digest == digest
    assert path.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_no_error(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs the time of decoding, is told, and leaves nothing behind."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept.os, "fsync", full)
    told = []
    load(small(root), lambda done, total, what: told.append(what))

    assert told[-1] == "decoded images not kept: No space left on device"
    assert list(cache.iterdir()) == []


def test_threads_and_one_thread_agree(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many decode at once changes nothing."""
    monkeypatch.setattr(decode, "CHUNK", 3)
    images = folders.read(root).splits["train"]
    one = decode.decode(root, images, (20, 3, 8, 8), lambda *_: None)
    monkeypatch.setattr(decode, "LARGE", 0)
    many = decode.decode(root, images, (20, 3, 8, 8), lambda *_: None)

    assert np.array_equal(one, many)


def test_says_when_memory_is_too_small(root: Path) -> None:
    """More pixels than the machine can hold are refused before the first is decoded."""
    with pytest.raises(NoResources, match=r"1,000,000 images of 4096 x 4096 are 50331\.6 GB"):
        decode.fits((1_000_000, 3, 4096, 4096))


def test_opens_only_common_formats(root: Path) -> None:
    """Another format under a known suffix is refused: few decoders, few holes."""
    path = root / "train" / "dog" / "07.png"
    smooth(8, 8).save(path, "PCX")

    with pytest.raises(BadData, match=f"{path} is not an image that can be read"):
        load(small(root))
