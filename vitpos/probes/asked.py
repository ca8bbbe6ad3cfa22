"""What is asked of probes on the command line, checked before anything heavy is imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vitpos.errors import BadInput
from vitpos.hints import near_name
from vitpos.probes import PROBES
from vitpos.probes.definitions import definition
from vitpos.switches import NEW_GRID, RESAMPLE

IMAGES = 1000
OWN = ("what", "images", "device", "precision", "threads")
CHOICES = {
    "rule": ("interpolate", *NEW_GRID, *RESAMPLE),
    "fill": ("zeros", "reflect", "circular"),
    "precision": ("auto", "fp32", "tf32", "bf16", "fp16"),
}


@dataclass(frozen=True)
class Asked:
    """Which probes, of how many images, with which settings, on which machine."""

    names: Sequence[str] = PROBES
    images: int = IMAGES
    settings: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str | int] = field(default_factory=dict)

    def ways(self, name: str) -> list[dict[str, str]]:
        """How a probe is asked: by the settings that it reads, once for each rule."""
        known = definition(name).options
        own = {key: value for key, value in self.settings.items() if key in known}
        rules = own.pop("rule", "")
        return [own | {"rule": rule} for rule in rules.split(",")] if rules else [own]


def asked(words: Sequence[str]) -> tuple[list[Path], Asked]:
    """Folders, and what is typed as `key=value`; raises `BadInput`."""
    paths = [Path(word) for word in words if is_path(word)]
    pairs = dict(word.split("=", 1) for word in words if not is_path(word))
    settings = {option: owner for owner in PROBES for option in definition(owner).options}
    for key in pairs:
        if key not in (*OWN, *settings):
            known = (*OWN, *settings)
            raise BadInput(f"{key} does not belong to probes", near_name(key, known, "key"))
    names = chosen(pairs.pop("what", ""))
    images = whole("images", pairs.pop("images", str(IMAGES)), least=1)
    for key, value in pairs.items():
        check(key, value)
    machine: dict[str, str | int] = {
        key: pairs.pop(key) for key in ("device", "precision") if key in pairs
    }
    if "threads" in pairs:
        machine["threads"] = whole("threads", pairs.pop("threads"))
    for key in pairs:
        if not any(key in definition(name).options for name in names):
            raise BadInput(f"{key} is a setting of {settings[key]}", f"what={settings[key]}")
    return paths, Asked(names, images, pairs, machine)


def is_path(word: str) -> bool:
    """Whether a word is a place and not a setting."""
    return not word.partition("=")[0].isidentifier() or "=" not in word


def chosen(what: str) -> tuple[str, ...]:
    """The probes that are named, else all."""
    names = tuple(dict.fromkeys(word.strip() for word in what.split(",") if word.strip()))
    for name in names:
        definition(name)
    return names or PROBES


def whole(key: str, word: str, least: int = 0) -> int:
    """A whole number."""
    if not word.isdecimal() or int(word) < least:
        raise BadInput(f"{key}={word}: must be a whole number of at least {least}")
    return int(word)


def check(key: str, value: str) -> None:
    """Raise `BadInput` for a value that a setting cannot have."""
    for word in value.split(","):
        if key in CHOICES and word not in CHOICES[key]:
            raise BadInput(f"{key}={word}", near_name(word, CHOICES[key], key))
        if key == "sizes":
            whole(key, word, least=1)
