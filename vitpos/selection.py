"""Arms without the runs that are not meant."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from vitpos.arms import Arm
from vitpos.conditions import ABSENT, Configs, Subject, chosen, conditions, flat
from vitpos.errors import BadInput
from vitpos.gathering import Source


def select(
    arms: Sequence[Arm], words: Sequence[str], source: Source | None, configs: Configs
) -> tuple[Arm, ...]:
    """The arms with the runs, and with the missing seeds, for which all conditions hold.

    Raises `BadInput` if there is none.
    """
    wanted = conditions(words)
    if not wanted:
        return tuple(arms)
    places: list[tuple[str, int]] = []
    subjects: list[Subject] = []
    for arm in arms:
        for seed, run in arm.runs.items():
            own = configs.subject(arm.name, arm.key, run)
            subjects.append(replace(own, seed=seed if seed >= 0 else None))
            places.append((arm.key, seed))
        subjects += absent(arm, source)
        places += [(arm.key, seed) for seed in arm.missing]
    held = chosen(subjects, wanted)
    kept = {place for place, holds in zip(places, held, strict=True) if holds}
    left = [
        replace(
            arm,
            runs={s: run for s, run in arm.runs.items() if (arm.key, s) in kept},
            missing=tuple(s for s in arm.missing if (arm.key, s) in kept),
        )
        for arm in arms
    ]
    found = tuple(arm for arm in left if arm.runs or arm.missing)
    if not found:
        raise BadInput("no run is meant by " + " ".join(f"--where {word!r}" for word in words))
    return found


def absent(arm: Arm, source: Source | None) -> list[Subject]:
    """The planned runs of an arm that are not there."""
    if source is None or not arm.missing:
        return []
    run = next(m.run for m in source.plan.members if m.arm.name == arm.name)
    config = flat(asdict(run))
    return [
        Subject(arm.name, seed, "missing", lambda k: config.get(k, ABSENT), lambda: config)
        for seed in arm.missing
    ]
