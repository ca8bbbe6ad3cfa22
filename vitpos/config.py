"""From overrides to a typed, checked run. Only this and `overrides` know Hydra."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import GenericAlias
from typing import Any

import yaml

from vitpos import checks, overrides, plugins, switches
from vitpos.errors import BadInput, Problem
from vitpos.hints import near_key, near_name, offered
from vitpos.plain_yaml import read_yaml
from vitpos.schema import Dataset, Launching, Local, Ray, Run, Slurm
from vitpos.typed import typed

REFERENCE = re.compile(r"\$\{[\w.]+\}")  # to another key
RESOLVER = re.compile(r"\$\{.*:", re.DOTALL)  # also one whose name is put together
GROUPS = ("dataset", "patch", "embedding", "backbone", "training", "task")
LAUNCHERS: dict[str, type[Launching]] = {"local": Local, "slurm": Slurm, "ray": Ray}  # by kind


def compose(words: Iterable[str], *, fitting: bool = True) -> Run:
    """The run that these `key=value` words ask for, or `BadInput` with all that is wrong.

    Unless `fitting`, the strategies need not suit the size of the network.
    """
    problems: list[Problem] = []
    data = plain_data(words, problems)
    run: Any = None if data is None else typed(Run, data, "", problems.append)
    if run is not None and not problems:
        problems += checks.problems(run) if fitting else [*checks.switched(run)]
    if problems:
        raise BadInput.all_of(problems)
    return run


def compose_dataset(words: Iterable[str]) -> Dataset:
    """Only the data set of these words: nothing else of a run need fit it."""
    problems: list[Problem] = []
    data = plain_data(words, problems)
    dataset = data and typed(Dataset, data["dataset"], "dataset", problems.append)
    if problems:
        raise BadInput.all_of(problems)
    return dataset


def launching(words: Iterable[str]) -> tuple[Launching, list[str]]:
    """The launcher that `launcher=NAME launcher.key=value` ask for, and the other words."""
    own, others, problems = {"launcher": "local"}, list[str](), list[Problem]()
    for word in words:
        if word.partition("=")[0].partition(".")[0] != "launcher":
            others.append(word)
        elif parsed := overrides.parse(word, GROUPS, problems):
            own[parsed[0]] = parsed[1]
    [name] = choose("launcher", own.pop("launcher"), problems) or ["local"]
    data = dict(read_yaml(files("launcher")[name]).data)
    for key, value in own.items():
        data[key.partition(".")[2]] = value
    made = typed(LAUNCHERS.get(data.get("kind", ""), Launching), data, "launcher", problems.append)
    if problems:
        raise BadInput.all_of(problems)
    return made, others


def plain_data(words: Iterable[str], problems: list[Problem]) -> Any:
    """The whole config that these words make, as plain data; None if references lead nowhere."""
    choices, values = split(words, problems)
    config = hydra_compose(choices)
    apply(config, values, problems)
    return resolved(config, problems)


def split(
    words: Iterable[str], problems: list[Problem]
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Overrides as choices of group files and as values of keys."""
    choices: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for word in words:
        parsed = overrides.parse(word, GROUPS, problems)
        if parsed is None:
            continue
        key, value = parsed
        if key in GROUPS:
            chosen = choose(key, value, problems)
            if chosen:
                choices[key] = chosen
        else:
            values[key] = value
    return choices, values


def choose(group: str, value: Any, problems: list[Problem]) -> list[str]:
    """Names of the files that are meant, whatever their case; several are joined by a `+`."""
    known = options(group)
    names = value.split("+") if isinstance(value, str) else value
    names = names if isinstance(names, list) else [value]
    names = [name.strip() if isinstance(name, str) else name for name in names]
    if not any(name != "" for name in names):
        extra = "; for no position use embedding=none" if group == "embedding" else ""
        problems.append(Problem(f"{group}: empty value", f"{offered(known, group)}{extra}"))
        return []
    if "" in names:
        rest = "+".join(str(name) for name in names if name != "")
        problems.append(Problem(f"{group}={value}: a name is missing", f"{group}={rest}"))
        return []
    if len(names) > 1 and group != "embedding":
        problems.append(Problem(f"{group} = {value}: must be one name", f"{group}={names[0]}"))
        return []
    found: list[str] = []
    for name in names:
        wanted = str(name).lower()
        if name is None or wanted not in known:
            hint = near_name(wanted, known, group)
            if name is None and group == "embedding":
                hint = "for no position use embedding=none"
            said = "null" if name is None else name
            problems.append(Problem(f"{group} = {said}: there is no such {group}", hint))
        elif wanted in found:
            problems.append(Problem(f"{group} = {'+'.join(map(str, names))}: {wanted} twice"))
        else:
            found.append(wanted)
    return found if len(found) == len(names) else []


def options(group: str) -> list[str]:
    """What there is to choose from: the names of a group's files."""
    return sorted(files(group))


def files(group: str) -> dict[str, Path]:
    """A group's files by name: ours, and the embeddings and studies of trusted plugins."""
    found = {path.stem: path for path in sorted((folder() / group).glob("*.yaml"))}
    for package, place in plugins.TRUSTED.items() if group in plugins.GROUPS else ():
        for path in sorted((place / group).glob("*.yaml")):
            if path.stem in found:
                message = f"plugin {package}: there is another {group} {path.stem}"
                raise BadInput(message, f"rename {path}; the other is {found[path.stem]}")
            found[path.stem] = path
    return found


def folder() -> Path:
    """Where the configs are: in a wheel beside the code, in a checkout beside the package."""
    here = Path(__file__).parent
    own = os.environ.get("VITPOS_CONFIGS")
    places = [Path(own)] if own else [here / "configs", here.parent / "configs"]
    for place in places:
        if (place / "train.yaml").is_file():
            return place.resolve()
    raise BadInput(f"no configs in {places[-1]}", "install vitpos again, or unset VITPOS_CONFIGS")


def hydra_compose(choices: Mapping[str, list[str]]) -> Any:
    """The config of these choices, as OmegaConf holds it."""
    from omegaconf import OmegaConf

    for name in choices.get("embedding", []) if plugins.TRUSTED else ():
        plugins.examine(files("embedding")[name])
    words = [f"{g}=[{','.join(c)}]" if len(c) > 1 else f"{g}={c[0]}" for g, c in choices.items()]
    return OmegaConf.create(read(folder(), tuple(words), tuple(plugins.TRUSTED.items())))


@cache  # Hydra takes a tenth of a second, and the members of a sweep choose the same files
def read(place: Path, words: tuple[str, ...], others: tuple[tuple[str, Path], ...]) -> Any:
    """The config of these choices as plain data, references not yet followed."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    if others:
        search_plugins_too()
    with initialize_config_dir(str(place), version_base=None):
        return OmegaConf.to_container(compose("train", list(words)), resolve=False)


@cache
def search_plugins_too() -> None:
    """Let Hydra look for files among those of trusted plugins, after ours."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class TrustedPlugins(SearchPathPlugin):
        """Hydra asks it whenever it composes."""

        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            """Add a folder for each."""
            for name, place in plugins.TRUSTED.items():
                search_path.append(name, f"file://{place}")

    Plugins.instance().register(TrustedPlugins)


def apply(config: Any, values: Mapping[str, Any], problems: list[Problem]) -> None:
    """Set values at keys that exist."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = list(keys(OmegaConf.to_container(config, resolve=False)))
    for key, value in values.items():
        if key not in known or any(part.startswith("_") for part in key.split(".")):
            near = near_key(key, [*known, *GROUPS], GROUPS)
            hint = unchosen(key, config) or switches.missing(key) or near
            problems.append(Problem(f"unknown key {key}", hint))
            continue
        old = OmegaConf.select(config, key)
        if RESOLVER.search(REFERENCE.sub("", str(value))):  # oc.env would write secrets down
            problems.append(Problem(f"{key} = {value}: only other keys are referred to"))
            continue
        new = like(old, value, key, problems) if key.startswith("embedding.") else value
        try:
            OmegaConf.update(config, key, new, merge=False)
        except OmegaConfBaseException:
            problems.append(
                Problem(f"{key} = {value} cannot be read", "references are ${some.key}")
            )


def unchosen(key: str, config: Any) -> str:
    """A hint, if the key is that of a strategy that this run has not."""
    group, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if group != "embedding" or name in config.embedding or name not in options(group):
        return ""
    return f"{name} has no part in embedding={'+'.join(map(str, config.embedding))}"


def like(default: Any, value: Any, key: str, problems: list[Problem]) -> Any:
    """A value of the same type as the one in the file, which is the schema of an embedding."""
    from omegaconf import ListConfig

    if default is None:
        return value
    if isinstance(default, ListConfig):
        kind: Any = GenericAlias(list, (type(default[0]) if default else float,))
    else:
        kind = type(default)
    found: list[Problem] = []
    result = typed(kind, value, key, found.append)
    problems += found
    return default if found else result


def keys(data: Any, path: str = "") -> Iterable[str]:
    """Dotted paths of all values, those of groups within groups too."""
    for name, value in data.items():
        here = f"{path}.{name}" if path else str(name)
        if isinstance(value, dict) and value:
            yield from keys(value, here)
        else:
            yield here


def resolved(config: Any, problems: list[Problem]) -> Any:
    """Plain data, references followed; None if one leads nowhere."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        problems.append(Problem(str(error).splitlines()[0]))
        return None


def dump(run: Run) -> str:
    """The run as YAML, in the order of the schema."""
    return yaml.safe_dump(asdict(run), sort_keys=False, allow_unicode=True, width=100)
