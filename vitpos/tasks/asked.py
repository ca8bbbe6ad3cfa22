"""From a checked run to what it asks."""

from vitpos import schema
from vitpos.schema import Run
from vitpos.tasks.classify import Classify
from vitpos.tasks.jigsaw import Jigsaw
from vitpos.tasks.locate import Locate
from vitpos.tasks.relate import Relate
from vitpos.tasks.task import Task
from vitpos.tasks.where import Where


def asked(run: Run, classes: int) -> Task:
    """The task of this run on data of so many classes."""
    size, patch = run.dataset.size, run.patch.size
    match run.task:
        case schema.Locate() as how:
            return Locate(classes, how, size, patch)
        case schema.Relate() as how:
            return Relate(how, patch)
        case schema.Where() as how:
            return Where(how, patch)
    return Jigsaw(size, patch) if run.task.kind == "jigsaw" else Classify(classes)
