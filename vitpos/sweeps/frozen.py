"""A plan on the disk, as it was composed and checked before the first of its runs.

::

    outputs/<study>/plans/<first 12 digits of the digest>.json

What is edited in `configs/` afterwards changes nothing: members are made from this file.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vitpos import __version__, checks, config, identities
from vitpos.durable import disk_errors, make_folder, read_json, sweep_temporary, write_json
from vitpos.errors import BadRun, Problem
from vitpos.overrides import MOST
from vitpos.runs import now, place
from vitpos.schema import Dataset, Run
from vitpos.sweeps import rules
from vitpos.sweeps.failures import in_turn
from vitpos.sweeps.plan import Member, Plan
from vitpos.sweeps.studies import Arm, Design, Study
from vitpos.typed import typed

FORMAT = 1
FOLDER = "plans"
LARGEST = 2**26  # bytes of a plan, of ten thousand arms
SECOND = 10**9  # nanoseconds; some disks know no less


def digest(plan: Plan) -> str:
    """64 hexadecimal digits of the question, how it is judged, and every run that answers it."""
    study = plan.study
    data = {
        "study": study.name,
        "design": asdict(study.design),
        "then": study.then,
        "members": [(m.arm.name, m.arm.baseline, m.seed, m.identity) for m in plan.members],
    }
    data |= declared(study)
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def declared(study: Study) -> dict[str, Any]:
    """What only some plans have: early stopping, the tuning before it, probes after it."""
    found: dict[str, Any] = {}
    if study.stopping is not None:
        found["stopping"] = asdict(study.stopping)
    if study.tuned is not None:
        found["tuned"] = dict(study.tuned)
    if study.probes:
        found["probes"] = list(study.probes)
    return found


def freeze(plan: Plan) -> Path:
    """Write it down, unless it lies there already; where."""
    path = place(plan.members[0].run).expanduser().absolute().parent / FOLDER
    path = path / f"{digest(plan)[:12]}.json"
    if not path.exists():
        with disk_errors(path.parent):
            make_folder(path.parent)
        with in_turn(path.parent):
            sweep_temporary(path.parent)
            before = [other.stat().st_mtime_ns for other in plans(path.parents[1])]
            write_json(path, document(plan))
            last = max(before, default=0)
            if path.stat().st_mtime_ns <= last:  # the clock was set back
                os.utime(path, ns=(last + SECOND, last + SECOND))
    return path


def document(plan: Plan) -> dict[str, Any]:
    """All of a plan as plain data."""
    others = sorted({str(wanted["dataset"]) for wanted in plan.study.then if "dataset" in wanted})
    study, first = plan.study, {member.arm.name: member for member in reversed(plan.members)}
    arms = [first[arm.name] for arm in study.arms if arm.name in first]
    return {
        "format": FORMAT,
        "digest": digest(plan),
        "created": now(),
        "vitpos": __version__,
        "study": study.name,
        "design": asdict(study.design),
        "without": dict(study.without),
        "then": list(study.then),
        **declared(study),
        "datasets": {name: asdict(config.compose_dataset([f"dataset={name}"])) for name in others},
        "seeds": list(study.seeds),
        "arms": [
            {
                "name": member.arm.name,
                "baseline": member.arm.baseline,
                "overrides": member.arm.overrides,
                "words": [word for word in member.words if not word.startswith("seed=")],
                "config": identities.without_seed(asdict(member.run)),
            }
            for member in arms
        ],
    }


def thaw(path: Path) -> Plan:
    """The plan of a file, for runs that lie beside it; raises `BadRun` if it is damaged."""
    data = read_json(path, LARGEST)
    outputs = path.absolute().parents[2]
    try:
        plan = made(data, str(outputs), path)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadRun(f"{path} is damaged: {type(error).__name__} {error}") from error
    if digest(plan) != data.get("digest"):
        raise BadRun(f"{path} is damaged: it is not what was frozen")
    return plan


def made(data: Mapping[str, Any], outputs: str, path: Path) -> Plan:
    """The plan that plain data tells of."""
    problems: list[Problem] = []
    design = typed(Design, data["design"], "design", problems.append)
    arms, runs, words = [], [], []
    for item in data["arms"]:
        config_of = item["config"] | {"seed": 0, "outputs": outputs}
        run = typed(Run, config_of, f"arms.{item['name']}", problems.append)
        arms.append(Arm(item["name"], item["overrides"], item["baseline"]))
        if run is not None:
            problems += checks.names(run)
        runs.append(run)
        words.append(tuple(item["words"]))
    if not 0 < len(data["seeds"]) * len(data["arms"]) <= MOST:
        raise BadRun(f"{path} is damaged: a sweep has 1 to {MOST:,} runs")
    seeds = typed(list[int], data["seeds"], "seeds", problems.append)
    if not all(0 <= seed < 2**63 for seed in seeds):
        problems.append(Problem("seeds: must be 0 to 2^63 - 1"))
    stopping = rules.stopping(data.get("stopping"), "stopping", problems.append)
    tuned = data.get("tuned")
    if not isinstance(tuned, dict | None):
        problems.append(Problem(f"tuned = {tuned}: must hold named values"))
    if problems or design is None:
        raise BadRun(f"{path} is damaged: {problems[0].message}")
    study = Study(
        data["study"],
        design,
        tuple(arms),
        data["without"],
        tuple(data["then"]),
        tuple(seeds),
        stopping,
        tuned=tuned,
        probes=tuple(data.get("probes", ())),
    )
    members = []
    for seed in study.seeds:
        for arm, run, typed_in in zip(arms, runs, words, strict=True):
            own = replace(run, seed=seed)
            identity = identities.identity(own)
            members.append(Member(study, arm, seed, (*typed_in, f"seed={seed}"), own, identity))
    if len({member.identity for member in members}) < len(members):
        raise BadRun(f"{path} is damaged: two of its runs are the same")
    return Plan(study, tuple(members))


def created(path: Path) -> str:
    """When a plan was frozen; raises `BadRun`."""
    return str(read_json(path, LARGEST).get("created") or "")


def datasets(path: Path) -> dict[str, Dataset]:
    """Those that a plan has for evaluations, by name, as they were when it was frozen."""
    problems: list[Problem] = []
    said = read_json(path, LARGEST).get("datasets") or {}
    if not isinstance(said, dict):
        raise BadRun(f"{path} is damaged: datasets must hold named values")
    found = {name: typed(Dataset, data, name, problems.append) for name, data in said.items()}
    if problems:
        raise BadRun(f"{path} is damaged: {problems[0].message}")
    return found


def plans(folder: Path) -> list[Path]:
    """The frozen plans of a study's folder, the oldest first."""
    found = (folder / FOLDER).glob("*.json")
    return sorted(found, key=lambda path: (path.stat().st_mtime, path.name))
