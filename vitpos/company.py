"""What the processes of a run do besides the leading one, which writes and speaks."""

from vitpos.errors import Interrupted
from vitpos.memory import resources
from vitpos.signals import Stop
from vitpos.train import Loop


def accompany(loop: Loop, stop: Stop) -> None:
    """What a process does that does not lead: the same steps, and nothing else."""
    world = loop.machine.world
    align(loop)
    stop.patient = True
    with resources(loop.run):
        for _ in loop.run_to_end():
            number = world.agree(stop.signal or 0)
            if number:
                world.wait()  # the leading process saves
                raise Interrupted(f"stopped after step {loop.step}", signal=number)
        loop.evaluate(loop.data.test)


def align(loop: Loop) -> None:
    """Bring every process to the step and the tensors of the leading one."""
    world = loop.machine.world
    if world.size > 1:
        step, state = world.tensors(loop.step, loop.tensors())
        if not world.leads:
            loop.load(step, state)
