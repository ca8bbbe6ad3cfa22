"""The study that checks the measurement itself, as it is shipped."""

import json
from pathlib import Path

import processes
import pytest

CONTROLS = ("none_again", "none_shuffled", "learned_shuffled")
NOTHING = {"not resolved", "equivalent"}


@pytest.mark.slow
def test_a_difference_shows_where_there_is_one_and_only_there(tmp_path):
    """Arms that are the same are not told apart; one that knows more than the baseline is."""
    done = processes.run("sweep", "study=selfcheck", f"outputs={tmp_path}", seconds=1800)
    study = tmp_path / "selfcheck"
    compared = processes.run("compare", str(study), "--format", "json")
    answer = json.loads(compared.stdout)
    arms = {arm["arm"]: arm for arm in answer["arms"]}

    assert (done.returncode, compared.returncode) == (0, 0), done.stderr + compared.stderr
    assert {arm["n"] for arm in arms.values()} == {5}
    assert {arms[name]["verdict"] for name in CONTROLS} <= NOTHING
    assert arms["rope2d"]["verdict"] == "better"
    assert arms["rope2d"]["simultaneous_low"] > 0
    assert answer["deviations"] == []
    assert all(Path(run["path"]).parent == study for arm in arms.values() for run in arm["runs"])
