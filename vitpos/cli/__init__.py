"""The commands: parse, call, print. No logic, and nothing heavy is imported before it is needed."""

import os

from vitpos.cli import experiments, facts, results
from vitpos.cli.app import app

__all__ = ["app", "experiments", "facts", "main", "results"]


def main() -> None:
    """Run a command; what a user can mend is told in a line or two."""
    from vitpos import outcome, plain, ranks, surroundings

    surroundings.keep_streams()

    # Threads that wait give their core away soon: with other work on the machine torch is otherwise
    # many times slower. Read by GNU's OpenMP when torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    plain.tolerate()

    def command() -> None:
        ranks.hush()
        surroundings.check()
        app(prog_name="vitpos")

    ranks.leave(outcome.of(command))
