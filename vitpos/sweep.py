"""Run a study: its members one after another, each as a `vitpos train` of its own.

What is finished is not done again, wherever in `outputs` it lies; what was interrupted goes on; and
a member that fails does not keep the others from running.
"""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from vitpos.data.files import locate
from vitpos.errors import Diverged, Interrupted, Locked, Unfinished
from vitpos.plain import say
from vitpos.plan import Member, Plan
from vitpos.progress import folders, missing, there, trusting
from vitpos.records import Record
from vitpos.signals import Leave, Stop

VITPOS = (sys.executable, "-m", "vitpos")


def run(plan: Plan, again: str) -> None:
    """Every member that is not finished, in order; `again` is what to type to go on.

    Raises `Interrupted` after a signal, and at the end `Unfinished` if members failed.
    """
    for dataset in plan.datasets():
        locate(dataset)  # what is missing is missing for all of them
    total, failed, busy = len(plan.members), list[str](), 0
    with Stop() as stop:
        stop.patient = True
        known = there(plan)
        for number, member in enumerate(plan.members, 1):
            if stop.signal is None:
                code = attempt(member, known.get(member.identity), f"[{number}/{total}]", stop)
                busy += code == Locked.code
                failed += [member.title] if code not in (0, Locked.code) else []
            if stop.signal is not None:
                said = f"stopped at run {number} of {total}; what was begun is saved"
                raise Interrupted(said, again, signal=stop.signal)
    if failed:
        named = "; ".join(failed[:5]) + ("; ..." if len(failed) > 5 else "")
        raise Unfinished(f"{len(failed)} of {total} runs failed: {named}", again)
    say(f"{busy} of {total} runs belong to other processes" if busy else f"{total} runs are there")
    say(f"vitpos compare {shlex.join(folders(plan))}")


def attempt(member: Member, before: Record | None, number: str, stop: Stop) -> int:
    """Bring one member to its end, and evaluate it as the study asks; the exit code."""
    status = before.status if before else "new"
    say(f"{number} {member.title}: {status}{f' in {before.path}' if before else ''}")
    if status == "diverged":
        return Diverged.code  # and would again, with the same bits
    if status == "running":
        return Locked.code
    code = 0
    if status != "finished":
        code = wait(["resume", str(before.path)] if before else ["train", *member.words], stop)
    for words in [] if code or stop.signal else missing(member, before.path if before else None):
        code = code or (0 if stop.signal else wait(words, stop))
    return code


def wait(words: Sequence[str], stop: Stop) -> int:
    """A command of vitpos in a process of its own; its exit code.

    Its group is its own too, so that Ctrl-C reaches it once, through here.
    """
    child = subprocess.Popen([*VITPOS, *words, *trusting()], process_group=0)
    told = False
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return child.wait(timeout=0.2)
            if stop.signal is not None and not told:
                child.send_signal(stop.signal)
                told = True
    except Leave as leave:  # asked twice
        child.send_signal(leave.number)
        child.wait()
        raise
