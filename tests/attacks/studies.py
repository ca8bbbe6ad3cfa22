"""Files of studies from strangers: everything that a config can be, and too much of it."""

import yaml
from small_studies import BODY

from attacks.place import Attack, Place

LOOK = (
    ["sweep", "study=RECEIVED/evil.yaml", "--dry-run"],
    ["sweep", "study=RECEIVED/evil.yaml", "--commands"],
    ["tune", "study=RECEIVED/evil.yaml", "--dry-run"],
)


def file(text: str, *says: str, codes: tuple[int, ...] = (2,)) -> Attack:
    """A file of this text."""

    def prepare(place: Place) -> None:
        (place.received / "evil.yaml").write_text(text)

    return Attack(prepare, LOOK, codes=codes, says=says)


def study(*says: str, codes: tuple[int, ...] = (2,), **changes: object) -> Attack:
    """A study in which these parts are others."""
    return file(yaml.safe_dump(BODY | changes), *says, codes=codes)


def based(**base: object) -> Attack:
    """A study with these overrides in every arm."""
    return study(base={key.replace("__", "."): value for key, value in base.items()})


ATTACKS = {
    "_target_": study("_target_", _target_="os.system"),
    "_target_ of an arm": study(arms={"a": {"_target_": "os.system"}, "b": {"embedding": "none"}}),
    "_target_ of an embedding": based(embedding__rope2d___target_="os.system"),
    "_target_ in a list": based(training__betas=[{"_target_": "os.system"}]),
    "hydra": study("hydra", hydra={"callbacks": {"x": {"_target_": "os.system"}}}),
    "callbacks in base": based(hydra__callbacks__x={"_target_": "os.system"}),
    "a sweeper in base": study(base={"hydra/sweeper": "payload"}),
    "a searchpath in base": study(base={"hydra.searchpath": "[file://.]"}),
    "defaults": study("defaults", defaults=["/payload"]),
    "a plugin": study("plugin", plugin="payload"),
    "a launcher": study(base={"launcher": "payload"}),
    "oc.env": based(notes="${oc.env:ATTACKED_SECRET}"),
    "oc.env put together": study(base={"notes": "${${name}:ATTACKED_SECRET}", "name": "oc.env"}),
    "oc.env in a grid": study(grid={"notes": ["${oc.env:ATTACKED_SECRET}", "x"]}),
    "oc.env in an evaluation": study(then={"dataset": ["${oc.env:ATTACKED_SECRET}"]}),
    "a name up": based(name="../../effect"),
    "a study up": study("study is set by the study", base={"study": "../../effect"}),
    "arms up": study(arms={"../../a": {"embedding": "none"}, "b": {}}, baseline="b"),
    "a probe of code": study("probe", probes=["../../payload"]),
    "a probe of a module": study("probe", probes=["os"]),
    "a group of files": study("group", every="../../payload"),
    "a metric": study("metric", metric="test/accuracy; touch effect"),
    "seeds": study("seeds", seeds=10**12),
    "members": study(grid={f"k{n}": list(range(50)) for n in range(6)}),
    "members of known keys": study(
        grid={"training.lr": [n / 1000 for n in range(1, 1000)],
              "backbone.dim": list(range(8, 8000, 8)), "backbone.depth": list(range(1, 100))}
    ),
    "arms": study(arms={f"a{n}": {"embedding": "none"} for n in range(3000)}, baseline="a0"),
    "a huge range": study(base={"training.lr": "range(0,1,1e-12)"}),
    "a long range": study(base={"training.lr": "0..999999999999"}),
    "sizes": study(then={"image_size": list(range(1, 4096))}),
    "tuning": study(
        codes=(0, 2), tune={"grid": {"training.lr": ["${oc.env:ATTACKED_SECRET}"]}}
    ),
    "the laughs": file("a: &a [x]\nb: &b [*a, *a]\n", "aliases and tags"),
    "a tag": file("question: !!python/object/apply:os.system ['touch effect']\n", "tags"),
    "deep": file("[" * 60_000, "too deep"),
    "megabytes": file("#" * 2**20, "too many"),
    "binary": file("\0\x01\x02"),
    "a list": file("- os.system\n"),
}  # fmt: skip
