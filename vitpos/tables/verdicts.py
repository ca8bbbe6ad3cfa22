"""What a table says of an arm, in words that need no colour."""

from vitpos.comparing.answer import LOST, Answer, Row
from vitpos.statistics import Difference, Verdict
from vitpos.tables import numbers
from vitpos.tables.numbers import Scale

FOUND = (Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT, Verdict.UNRESOLVED)


def verdict(answer: Answer, row: Row, base: Row | None) -> str:
    """``better``, ``not resolved (MDE 0.62)``, ``baseline``, ``no result: diverged`` ...

    `base` is what the arm is compared with: itself, if others are compared with it.
    """
    if row.lost.get("stopped"):
        return "stopped early, not compared"
    if not row.values:
        reasons = ", ".join(reason for reason in LOST if row.lost.get(reason))
        return f"no result: {reasons}" if reasons else "no result"
    if base is row:
        return "baseline"
    if row.difference is None:
        return "not compared"
    said = found(answer, row.difference)
    lost = any(arm.lost.get("diverged") for arm in (row, base) if arm is not None)
    return f"{said}, if not diverging" if lost and row.difference.verdict in FOUND else said


def found(answer: Answer, difference: Difference) -> str:
    """A verdict, with the number that tells how much it says."""
    scale = numbers.scale(answer.metric)
    match difference.verdict:
        case Verdict.EQUIVALENT:
            return f"equivalent within ±{scale.factor * answer.smallest_effect:g}"
        case Verdict.UNRESOLVED if difference.detectable is not None:
            return f"not resolved (MDE {detectable(scale, difference)})"
    return difference.verdict.value


def detectable(scale: Scale, difference: Difference) -> str:
    """The smallest difference that would have been found, with the digits of the difference."""
    value = difference.detectable
    if value is None:
        return numbers.NOTHING
    error = numbers.error_of_difference(difference)
    return numbers.scaled(scale, value, numbers.decimals(scale, value, error))


def tone(row: Row) -> str:
    """`better`, `worse` or nothing: all that is ever coloured, and only the first is ever bold."""
    if row.difference is None or row.lost.get("stopped"):
        return ""
    said = row.difference.verdict
    return said.value if said in (Verdict.BETTER, Verdict.WORSE) else ""
