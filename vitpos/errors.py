"""What can go wrong for a user, each with its exit code."""

from collections.abc import Sequence
from typing import NamedTuple

MOST = 50  # problems that are told, of however many
IN_RUN = "run folder: "  # starts the note on an error that says which run it ended


class Problem(NamedTuple):
    """One thing that is wrong, and what to type instead."""

    message: str
    hint: str = ""


class UserError(Exception):
    """Something the user can mend: an `error:` line and a `hint:` line, or a line per problem."""

    code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problems = [Problem(message, hint)]

    @classmethod
    def all_of(cls, problems: Sequence[Problem]) -> "UserError":
        """One error for everything that is wrong."""
        error = cls(*problems[0])
        error.problems = list(problems)
        return error

    @property
    def message(self) -> str:
        """What is wrong, first of all."""
        return self.problems[0].message

    @property
    def hint(self) -> str:
        """What to type instead."""
        return self.problems[0].hint

    def lines(self) -> list[str]:
        """What the user sees."""
        if len(self.problems) == 1:
            message, hint = self.problems[0]
            return [f"error: {message}"] + ([f"hint: {hint}"] if hint else [])
        shown, more = self.problems[:MOST], len(self.problems) - MOST
        said = [f"error: {p.message}" + (f" ({p.hint})" if p.hint else "") for p in shown]
        return said + ([f"error: and {more:,} more"] if more > 0 else [])


class BadInput(UserError):
    """The command line or a config file asks for what cannot be."""

    code = 2


class BadData(UserError):
    """A data set is missing, damaged or not what it should be."""

    code = 3


class BadRun(UserError):
    """A run folder or a checkpoint cannot be read."""

    code = 4


class NoResources(UserError):
    """The disk or the memory is full."""

    code = 5


class Diverged(UserError):
    """The loss is no longer a number."""

    code = 6


class Unfinished(UserError):
    """A sweep is over, but some of its runs failed."""

    code = 7


class Locked(UserError):
    """Another process is writing into this run folder."""

    code = 8


class Paused(UserError):
    """A run stopped where it was asked to, and can go on; or the time of a sweep is spent."""

    code = 75


class Lost(UserError):
    """Another process of the run is gone; it can go on from its last checkpoint."""

    code = 75


class Interrupted(UserError):
    """A signal asked the run to stop; its state is saved."""

    def __init__(self, message: str, hint: str = "", *, signal: int) -> None:
        super().__init__(message, hint)
        self.code = 128 + signal
