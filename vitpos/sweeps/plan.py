"""The plan of a study: every run of it, composed and checked before the first one starts."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from vitpos import config, identities, sizes
from vitpos.errors import BadInput, Problem
from vitpos.schema import Dataset, Run
from vitpos.sweeps.studies import OURS, Arm, Design, Options, Study, read, text
from vitpos.typed import typed


@dataclass(frozen=True)
class Member:
    """One run of a study."""

    study: Study
    arm: Arm
    seed: int
    words: tuple[str, ...]  # overrides for `vitpos train`
    run: Run
    identity: str  # what it is known by, wherever it lies

    @property
    def title(self) -> str:
        """What it is called when it is talked about."""
        return f"{self.arm.name}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """All runs of a study in the order in which they start: all arms of a seed, then of the next.

    So a sweep that is cut short leaves whole comparisons.
    """

    study: Study
    members: tuple[Member, ...]

    def datasets(self) -> list[Dataset]:
        """Each of its data sets once."""
        found: list[Dataset] = []
        for member in self.members:
            if member.run.dataset not in found:
                found.append(member.run.dataset)
        return found


def planned(words: Iterable[str]) -> Plan:
    """What `study=NAME seeds=N key=value ...` asks for; raises `BadInput` with all that is wrong.

    Overrides belong to every arm, and win over those of the file.
    """
    return plan(*studied(words))


def studied(words: Iterable[str]) -> tuple[Study, dict[str, str]]:
    """The study, and the overrides of all its arms; nothing is composed yet."""
    asked = settings(words)
    if "study" not in asked:
        grid = "a grid: embedding=none,rope2d seed=0..4"
        raise BadInput("which study?", f"study=NAME of `vitpos list studies`, or {grid}")
    found, problems = read(asked.pop("study"), asked), list[Problem]()
    seeds = asked.pop("seeds", None)
    if seeds is not None:
        count = int(seeds) if re.fullmatch(r"\d{1,4}", seeds) else seeds
        design = typed(Design, asdict(found.design) | {"seeds": count}, "", problems.append)
        design = design or found.design
        found = replace(found, design=design, seeds=tuple(range(design.seeds)))
    for key in OURS:
        if key in asked:
            hint = "seeds=N are the first N" if key == "seed" else "it is that of the arm"
            problems.append(Problem(f"{key} is set by the study", hint))
    if problems:
        raise BadInput.all_of(problems)
    return found, asked


def settings(words: Iterable[str]) -> dict[str, str]:
    """Words by key; the last of a key counts."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise BadInput(f"{word!r} is not KEY=VALUE", f"study={word}")
        found[key] = value
    return found


def plan(study: Study, asked: Mapping[str, str]) -> Plan:
    """Compose and check every arm, then order its runs; `asked` are overrides of all."""
    arms: list[tuple[Arm, tuple[str, ...], Run]] = []
    wrong: dict[Problem, list[str]] = {}
    full = [replace(arm, overrides={**arm.overrides, **asked}) for arm in study.arms]
    study = replace(study, arms=tuple(full), tune=None)
    for arm in study.arms:
        words = tuple(spelled(arm.overrides))
        words += (f"study={study.name}", f"name={arm.name}")
        try:
            run = config.compose(words)
        except BadInput as error:
            found = error.problems
        else:
            arms.append((arm, words, run))
            found = [*evaluated(study, run), *rungs(study, run)]
        for problem in found:
            wrong.setdefault(problem, []).append(arm.name)
    problems = [told(problem, names, len(study.arms)) for problem, names in wrong.items()]
    problems += twins(arms)
    if problems:
        raise BadInput.all_of(problems)
    configs = [asdict(run) for _, _, run in arms]
    members = []
    for seed in study.seeds:
        for (arm, words, run), data in zip(arms, configs, strict=True):
            identity = identities.fingerprint(data | {"seed": seed})
            own = (*words, f"seed={seed}")
            members.append(Member(study, arm, seed, own, replace(run, seed=seed), identity))
    return Plan(study, tuple(members))


def spelled(overrides: Options) -> Iterator[str]:
    """Overrides as they are typed; a key of `embedding.*` once for each strategy."""
    for key, value in overrides.items():
        chosen = overrides.get("embedding") or []
        names = chosen if isinstance(chosen, list) else str(chosen).strip("[]").split("+")
        if key == "embedding":
            yield f"embedding={'+'.join(map(str, names))}"
        elif key.startswith("embedding.*.") and names:
            rest = key.removeprefix("embedding.*.")
            yield from (f"embedding.{name}.{rest}={text(value)}" for name in names)
        else:
            yield f"{key}={text(value)}"


def evaluated(study: Study, run: Run) -> Iterator[Problem]:
    """What `vitpos eval` would say of the sizes that the study asks it for."""
    for wanted in study.then:
        size = wanted.get("image_size", run.image_size)
        if size % sizes.step(run):
            message = f"then.image_size = {size}: not a multiple of {sizes.stepped(run)}"
            yield Problem(message)


def rungs(study: Study, run: Run) -> Iterator[Problem]:
    """Where the rule for early stopping has nothing to decide any more."""
    last = max(study.stopping.epochs) if study.stopping else 0
    if last >= run.training.epochs:
        yield Problem(f"stopping.epochs = {last}: a run is over after {run.training.epochs}")


def told(problem: Problem, arms: list[str], of: int) -> Problem:
    """A problem, with the arms that have it unless all do."""
    if len(arms) == of:
        return problem
    more = f" and {len(arms) - 3} more" if len(arms) > 3 else ""
    return problem._replace(message=f"{', '.join(arms[:3])}{more}: {problem.message}")


def twins(arms: Iterable[tuple[Arm, tuple[str, ...], Run]]) -> Iterator[Problem]:
    """Arms that are the same run."""
    seen: dict[str, str] = {}
    for arm, _, run in arms:
        first = seen.setdefault(identities.arm_identity(run), arm.name)
        if first != arm.name:
            yield Problem(f"{first} and {arm.name} are the same run")
