"""A sweep in a log: a line for everything that happens to a member."""

from collections.abc import Sequence

from vitpos.plain import say
from vitpos.plan import Plan
from vitpos.states import State
from vitpos.words import counted, seconds_words


class Linewise:
    """Says what a member becomes, once."""

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """How much there is to do."""
        self.plan, self.kinds = plan, [state.kind for state in states]
        done = self.kinds.count("finished")
        runs = counted(len(states), "run")
        say(f"{plan.study.name}: {runs}, {done} finished; {counted(slots, 'slot')}")

    def change(self, number: int, state: State) -> None:
        """A line, if it is something else now."""
        if self.kinds[number] == state.kind:
            return
        self.kinds[number] = state.kind
        result = "" if state.value is None else f" {state.value:.4g}"
        took = f" in {seconds_words(state.seconds)}" if state.kind == "finished" else ""
        why = f": {state.detail}" if state.detail else ""
        title = self.plan.members[number].title
        say(f"[{number + 1}/{len(self.kinds)}] {title}: {state.kind}{result}{took}{why}")

    def note(self, text: str) -> None:
        """A line."""
        say(f"note: {text}")

    def tick(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""
