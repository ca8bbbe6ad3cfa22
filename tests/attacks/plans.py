"""Frozen plans of a received study: they say where runs would go, and what is typed for them."""

import functools
import json
import os
from collections.abc import Callable
from typing import Any

from small_studies import checked

from attacks.place import Attack, Place
from vitpos.sweeps import frozen

Document = dict[str, Any]
Change = Callable[[Document], object]
CODES = (0, 2, 4)  # to compare is to read; to go on is refused
STAYS = (0, 4)  # what would go on is refused; a table of it is made
WORDS = (["resume", "PLAN", "--quiet"], ["resume", "STUDY", "--quiet"], ["compare", "STUDY"])


@functools.cache
def plan() -> str:
    """A plan as it lies in the folder of a study."""
    return json.dumps(frozen.document(checked()))


def changed(
    change: Change, *says: str, codes: tuple[int, ...] = (4,), resigned: bool = True
) -> Attack:
    """A plan that says something else, with the digest of what it says now."""

    def prepare(place: Place) -> None:
        data = json.loads(plan().replace('"made"', json.dumps(place.run.parent.name)))
        change(data)
        folder = place.run.parent / "plans"
        folder.mkdir()
        path = folder / "0123456789ab.json"
        path.write_text(json.dumps(data))
        if resigned:
            sign(path, data)

    typed = [[word.replace("PLAN", "STUDY/plans/0123456789ab.json") for word in w] for w in WORDS]
    return Attack(prepare, typed, codes=codes, says=says)


def sign(path: Any, data: Document) -> None:
    """Write the digest that fits, as whoever made the plan could."""
    try:
        made = frozen.made(data, str(path.parents[2]), path)
    except Exception:  # then it has none that fits
        return
    data["digest"] = frozen.digest(made)
    path.write_text(json.dumps(data))


def each(key: str, value: object) -> Change:
    """Another value in the config of every arm."""

    def change(data: Document) -> None:
        for arm in data["arms"]:
            arm["config"][key] = value

    return change


def embedding(value: object) -> Change:
    """Another embedding in every arm."""
    return each("embedding", value)


def linked(name: str, *, pipe: bool = False, says: tuple[str, ...] = ("link",)) -> Attack:
    """A good plan, and something in the folder of its study that leads out of it."""
    good = changed(lambda data: None)

    def prepare(place: Place) -> None:
        good.prepare(place)
        path = place.run.parent / name
        path.parent.mkdir(exist_ok=True)
        if path.exists():
            path.rename(path.with_name("was"))
        if pipe:
            os.mkfifo(path)
        else:
            path.symlink_to(place.outside / "folder" if "." not in name else place.home / ".bashrc")

    return Attack(prepare, good.words[:1], codes=(4,), says=() if pipe else says)


ATTACKS = {
    "a study up": changed(each("study", "../../outside"), "study ="),
    "a study elsewhere": changed(each("study", "/effect"), "study ="),
    "another study": changed(each("study", "yours"), "study =", codes=STAYS),
    "a name up": changed(each("name", "../../effect"), "name ="),
    "outputs elsewhere": changed(each("outputs", "/effect"), codes=(4,), resigned=False),
    "_target_": changed(embedding({"x": {"_target_": "os.system", "_needs_": {}}}), codes=CODES),
    "_target_ of a plugin": changed(embedding({"x": {"_target_": "payload.X"}}), codes=CODES),
    "not what was frozen": changed(
        lambda data: data["arms"][0].update(name="c"), "frozen", resigned=False
    ),
    "seeds": changed(lambda data: data.update(seeds=[10**30])),
    "many seeds": changed(lambda data: data.update(seeds=list(range(10**6))), resigned=False),
    "no arms": changed(lambda data: data.update(arms=[])),
    "arms that are text": changed(lambda data: data.update(arms="x")),
    "a data set that is text": changed(each("dataset", "os.system")),
    "a digest that is a list": changed(lambda data: data.update(digest=[1]), resigned=False),
    "folder of logs": linked("logs"),
    "folder of plans": linked("plans", says=()),
    "the journal": linked("journal.jsonl", pipe=True),
}  # fmt: skip
