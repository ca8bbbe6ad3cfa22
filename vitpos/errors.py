"""What can go wrong for a user, each with its exit code."""


class UserError(Exception):
    """Something the user can mend: shown as one `error:` line and at most two `hint:` lines."""

    code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


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


class Locked(UserError):
    """Another process is writing into this run folder."""

    code = 8


class Interrupted(UserError):
    """A signal asked the run to stop; its state is saved."""

    def __init__(self, message: str, hint: str = "", *, signal: int) -> None:
        super().__init__(message, hint)
        self.code = 128 + signal
