"""How many numbers each arm of a study learns, counted without training or drawing them."""

from vitpos import build
from vitpos.errors import BadInput, Problem
from vitpos.plan import Plan


def sizes(plan: Plan) -> dict[str, tuple[int, int]]:
    """Parameters of each arm, and of its position embedding; none where classes are not known.

    Raises `BadInput` for strategies that cannot be built, by arm.
    """
    found: dict[str, tuple[int, int]] = {}
    problems: list[Problem] = []
    first = {member.arm.name: member for member in reversed(plan.members)}
    for member in reversed(first.values()):
        run = member.run
        if run.dataset.classes is None:
            continue
        try:
            model = build.outline(run, run.dataset.classes)
        except BadInput as error:
            problems += [Problem(f"{member.arm.name}: {error.message}", error.hint)]
            continue
        position = sum(weight.numel() for weight in model.position.parameters())
        found[member.arm.name] = sum(w.numel() for w in model.parameters()), position
    if problems:
        raise BadInput.all_of(problems)
    return found
