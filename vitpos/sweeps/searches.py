"""What a multirun of Hydra's is asked for: words for Hydra itself, and words that jobs are made of.

Hydra sees our keys but not our files: those that it is given have no values, so that a `hydra:`
section, a defaults list or a `_target_` in a file of somebody else's does nothing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import yaml

from vitpos import catalogue, checks, config, identities, overrides
from vitpos.durable import disk_errors, make_folder, write
from vitpos.errors import BadInput, Problem
from vitpos.sweeps import grids
from vitpos.sweeps.labels import Axis
from vitpos.sweeps.studies import Design, text

OURS = "vitpos"  # the launcher, unless another is asked for
CHOICES = 64  # combinations of files that are read before the first job


@dataclass(frozen=True)
class Asked:
    """The words of a multirun: those for Hydra itself, and those of the jobs, in its grammar."""

    hydra: tuple[str, ...]
    jobs: tuple[str, ...]
    grid: grids.Grid  # what the jobs have in common; its axes are what is swept
    seeds: tuple[int, ...] | None  # of every job; None: `seed` is a key like others

    def option(self, key: str) -> str | None:
        """What was said of one key of Hydra's."""
        said = [
            word.partition("=")[2]
            for word in self.hydra
            if word.partition("=")[0].lstrip("+") == key
        ]
        return said[-1] if said else None

    @property
    def searching(self) -> bool:
        """Whether the next jobs depend on the values of those before."""
        return (self.option("hydra/sweeper") or "basic") != "basic"

    @property
    def name(self) -> str:
        """Of the folder: what was said, or a digest of all that was said."""
        said = json.dumps([sorted(self.hydra), sorted(self.jobs), self.seeds])
        return self.grid.name or f"sweep-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def read(words: Sequence[str], count: int | None) -> Asked:
    """Sort words; raises `BadInput` with all that is wrong."""
    problems: list[Problem] = []
    hydra = tuple(word for word in words if overrides.is_for_hydra(word))
    problems += [refused(word) for word in hydra if "searchpath" in word.partition("=")[0]]
    others = {word.partition("=")[0]: word for word in words if word not in hydra}
    intervals: dict[str, Axis] = {}
    jobs: dict[str, str] = {}
    for key, word in others.items():
        found = overrides.read(word, config.GROUPS, [])
        if found and not isinstance(found[1], str) and found[1].is_interval_sweep():
            bounds = found[1].value()
            intervals[key], jobs[key] = Axis(key, (bounds.start, bounds.end)), word
        elif key not in (*grids.DESIGN, *identities.COSMETIC, "seeds"):
            jobs[key] = word
    discrete = [word for key, word in others.items() if key not in intervals]
    grid = grids.read(discrete, count, problems)
    if grid.name is not None and not checks.NAME.fullmatch(str(grid.name)):
        problems.append(Problem(f"study = {grid.name}: not the name of a folder"))
    if problems:
        raise BadInput.all_of(problems)
    swept = grid.axes + (Axis("seed", grid.seeds),) * (len(grid.seeds) > 1 and "seed" in jobs)
    several = {axis.key: axis for axis in swept}
    spelled = [
        word if key in intervals else told(key, word, several.get(key), grid.common)
        for key, word in jobs.items()
    ]
    grid = replace(grid, axes=(*swept, *intervals.values()))
    return Asked(hydra, tuple(spelled), grid, None if "seed" in jobs else grid.seeds)


def refused(word: str) -> Problem:
    """Files are found where ours are, or by their package."""
    return Problem(f"{word}: files of others are not searched", "--plugin PACKAGE")


def told(key: str, word: str, axis: Axis | None, common: Mapping[str, Any]) -> str:
    """A word as Hydra understands it: without our sugar, and names as the files have them."""
    if axis is None:
        return f"{key}={listed(key, common[key]) if key in common else word.partition('=')[2]}"
    text_of = word.partition("=")[2]
    if key in config.GROUPS:
        return f"{key}=choice({','.join(listed(key, value) for value in axis.values)})"
    span = overrides.SPAN.fullmatch(text_of)
    if span:
        return f"{key}=range({span[1]},{int(span[2]) + 1},{span[3] or 1})"
    if ".." in text_of:
        return f"{key}=choice({','.join(map(text, axis.values))})"
    return word


def listed(key: str, value: Any) -> str:
    """A value in Hydra's grammar; `a+b` is a list."""
    if key in config.GROUPS and "+" in value:
        return f"[{value.replace('+', ',')}]"
    return text(overrides.spelled(value))


def check(asked: Asked) -> None:
    """Compose what the jobs choose from, so that what is edited afterwards changes nothing.

    Raises `BadInput` for keys that no run has, and for what is chosen from nothing.
    """
    if asked.searching and any(axis.key == "seed" for axis in asked.grid.axes):
        hint = "--seeds N: the value of a job is the mean over its seeds"
        raise BadInput("seed is not searched for", hint)
    if not asked.grid.axes:
        raise BadInput("every key has one value", "key=a,b or key=interval(0.1,1)")
    problems: list[Problem] = []
    fixed = [f"{key}={text(overrides.spelled(item))}" for key, item in asked.grid.common.items()]
    groups = [axis for axis in asked.grid.axes if axis.key in config.GROUPS]
    others = [axis for axis in asked.grid.axes if axis.key not in config.GROUPS]
    fixed += [f"{axis.key}={text(overrides.spelled(axis.values[0]))}" for axis in others]
    if prod(len(axis.values) for axis in groups) <= CHOICES:
        for values in product(*(axis.values for axis in groups)):
            pairs = zip(groups, values, strict=True)
            config.plain_data([*fixed, *(f"{axis.key}={v}" for axis, v in pairs)], problems)
    if problems:
        raise BadInput.all_of(list(dict.fromkeys(problems)))


def design(asked: Asked) -> Design:
    """How jobs are judged; by validation, unless nothing depends on it."""
    said = {"question": " ".join((*asked.jobs, *asked.hydra)), "metric": "val/accuracy"}
    way = asked.option("hydra.sweeper.direction")
    if way is not None:
        said["direction"] = "up" if way.lower() == "maximize" else "down"
    found = grids.designed(asked.grid, said)
    if asked.searching and found.metric.startswith("test/"):
        hint = f"metric={found.metric.replace('test/', 'val/')}"
        raise BadInput(f"metric = {found.metric}: nothing is chosen by test images", hint)
    return found


def lay_out(folder: Path, asked: Asked) -> None:
    """The files that Hydra reads: the names and keys of ours, and no values."""
    path = config.folder() / "train.yaml"
    data = catalogue.load(path.read_text("utf-8"), path)
    pairs = [item for item in data.pop("defaults") if isinstance(item, dict)]
    chosen = {group: {name} for pair in pairs for group, name in pair.items()}
    usual = {group: next(iter(names)) for group, names in chosen.items()}
    for key, value in asked.grid.common.items():
        chosen.get(key, set()).update(str(value).split("+"))
    for axis in asked.grid.axes:
        chosen.get(axis.key, set()).update(n for v in axis.values for n in str(v).split("+"))
    defaults = [*({group: name} for group, name in usual.items()), "_self_"]
    save(folder / "train.yaml", {"defaults": defaults} | hollow(data))
    for group, names in chosen.items():
        for name in names & config.files(group).keys():
            path = config.files(group)[name]
            save(folder / group / path.name, hollow(catalogue.load(path.read_text("utf-8"), path)))


def save(path: Path, data: dict[str, Any]) -> None:
    """Write a file."""
    with disk_errors(path):
        make_folder(path.parent)
    write(path, yaml.safe_dump(data, sort_keys=False).encode())


def hollow(data: Mapping[str, Any]) -> dict[str, Any]:
    """The keys, without what Hydra or OmegaConf would act on."""
    return {
        key: hollow(item) if isinstance(item, dict) else None
        for key, item in data.items()
        if not key.startswith("_") and key not in ("defaults", "hydra")
    }


def settings(asked: Asked, folder: Path) -> list[str]:
    """The words for Hydra itself: ours, unless something else was said."""
    place = str(folder).replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\$")
    usual = {
        "hydra.mode": "MULTIRUN",
        "hydra.sweep.dir": f"'{place}'",
        "hydra.sweep.subdir": "jobs",
        "hydra.output_subdir": "null",
        "hydra.job.chdir": "false",
        "hydra/job_logging": "none",
        "hydra/launcher": OURS,
    }
    if asked.option("hydra/sweeper") == "optuna":
        up = design(asked).direction == "up"
        usual["hydra.sweeper.direction"] = "maximize" if up else "minimize"
        usual["hydra.sweeper.max_failure_rate"] = "1.0"  # the others go on
        if asked.option("hydra/sweeper/sampler") is None:
            usual["hydra.sweeper.sampler.seed"] = "0"  # the same jobs when it is typed again
    missing = [f"{key}={value}" for key, value in usual.items() if asked.option(key) is None]
    return [*missing, *asked.hydra]
