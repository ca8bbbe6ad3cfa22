"""Words of the command line, as a stranger's README has them, and files of words."""

from attacks.place import Attack, Place

NOTHING = ("notes=x",)


def nothing(_: Place) -> None:
    """There is nothing to prepare."""


def refused(*words: str, says: tuple[str, ...] = ()) -> Attack:
    """Words that are refused, for a run and for a sweep."""
    return Attack(nothing, [["train", "--cfg", *words]], codes=(2,), says=says)


def file(text: str, *says: str) -> Attack:
    """The same words in a file."""

    def prepare(place: Place) -> None:
        (place.received / "words").write_text(text)

    return Attack(prepare, [["train", "--cfg", "@RECEIVED/words"]], codes=(2,), says=says)


ATTACKS = {
    "_target_": refused("embedding.rope2d._target_=os.system", says=("unknown key",)),
    "+_target_": refused("+embedding.rope2d._target_=os.system", says=("neither added",)),
    "++_target_": refused("++training._target_=os.system", says=("neither added",)),
    "_target_ in a value": refused("training={_target_:os.system}"),
    "_target_ in a list": refused("training.betas=[{_target_:os.system}]"),
    "_args_": refused("embedding.rope2d._args_=[1]", says=("unknown key",)),
    "an embedding that is a path": refused("embedding=../../payload"),
    "an embedding that is a mapping": refused("embedding={x:{_target_:os.system}}"),
    "a data set that is a path": refused("dataset=/etc/passwd"),
    "callbacks": refused("hydra.callbacks.x._target_=os.system"),
    "callbacks, added": refused("+hydra.callbacks.x={_target_:os.system}"),
    "job_logging": refused("hydra/job_logging=payload"),
    "searchpath": refused("hydra.searchpath=[file://.]"),
    "launcher by class": refused("hydra.launcher._target_=payload.Launcher"),
    "our launcher by class": Attack(
        nothing, [["sweep", "seed=0..1", "launcher._target_=os.system", "--dry-run"]], codes=(2,)
    ),
    "a launcher of theirs": Attack(
        nothing, [["sweep", "seed=0..1", "launcher=../../payload", "--dry-run"]], codes=(2,)
    ),
    "oc.env": refused("notes=${oc.env:ATTACKED_SECRET}", says=("only other keys",)),
    "oc.env put together": refused(
        "notes='${oc.${name}:ATTACKED_SECRET}'", "name=env", says=("only other keys",)
    ),
    "oc.env all put together": refused(
        "notes='${${name}:ATTACKED_SECRET}'", "name=oc.env", says=("only other keys",)
    ),
    "oc.env in a list": refused("training.betas=[0.9,'${oc.env:ATTACKED_SECRET}']"),
    "oc.env over lines": refused("notes='${oc.env\n:ATTACKED_SECRET}'"),
    "oc.decode": refused("seed=${oc.decode:'1'}", says=("only other keys",)),
    "oc.create": refused("training.betas=${oc.create:[0.9,0.9]}"),
    "oc.select": refused("notes=${oc.select:name,x}"),
    "now": refused("notes=${now:%Y}"),
    "hydra's own": refused("notes=${hydra:runtime.cwd}"),
    "a reference to itself": refused("notes=${notes}"),
    "a plugin that is a path": Attack(
        nothing, [["train", "--cfg", "--plugin", "../payload"]], codes=(2,)
    ),
    "a plugin without configs": Attack(
        nothing, [["train", "--cfg", "--plugin", "payload"]], codes=(2,)
    ),
    "a file of words": file("notes=${oc.env:ATTACKED_SECRET}\n", "only other keys"),
    "a file in a file": file("@/etc/passwd\n"),
    "a file with options": file("--plugin=payload\n"),
    "a huge file": file("#" * 2**21, "no list of words"),
    "endless values": Attack(
        nothing, [["sweep", "seed=0..999999999999", "--dry-run"]], codes=(2,), says=("at most",)
    ),
    "an endless range": Attack(
        nothing, [["sweep", "training.lr=range(0,1,1e-12)", "--dry-run"]], codes=(2,)
    ),
    "a grid of millions": Attack(
        nothing,
        [["sweep", *(f"{k}=1..99" for k in ("seed", "backbone.depth", "threads")), "--dry-run"]],
        codes=(2,),
    ),
}  # fmt: skip
