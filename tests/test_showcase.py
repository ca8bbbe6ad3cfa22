"""What is shown of a run in TensorBoard may go wrong without harm to the run."""

import json

from small_runs import Watch, _quick, train

from vitpos.boards import showcase

__all__ = ["_quick"]


def test_a_view_that_fails_at_the_end_fails_no_run(tmp_path, monkeypatch):
    """The run is finished and says what it has no view of."""
    monkeypatch.setattr(showcase, "distances", lambda loop: 1 / 0)
    show = Watch()
    path = train(tmp_path, "tensorboard=true", show=show)

    assert json.loads((path / "record.json").read_text())["status"] == "finished"
    assert show.notes[-1] == "no attention distances: ZeroDivisionError: division by zero"
