"""`vitpos report --only appendix`: a page with the answer and all one needs to have it again."""

from pathlib import Path
from typing import Any

from run_folders import call, put
from small_studies import BODY

from vitpos.sweeps import studies
from vitpos.sweeps.frozen import digest, freeze
from vitpos.sweeps.plan import Plan, plan


def made(outputs: Path) -> Plan:
    """A small study, frozen."""
    problems: list[Any] = []
    study = studies.study("made", {**BODY, "seeds": 3}, problems.append)
    assert study is not None, problems
    found = plan(study, {"outputs": str(outputs)})
    freeze(found)
    return found


def test_a_planned_study_is_written_down(tmp_path: Path, capsys: Any) -> None:
    """The question, the table, what was trained, on what, and the checklist."""
    found = made(tmp_path)
    for member in found.members:
        put(member.run, accuracy=0.5 + 0.1 * (member.arm.name == "b") + member.seed / 100)
    code, said, errors = call(capsys, "report", "--only", "appendix", tmp_path / "made")
    page = (tmp_path / "made" / "report.md").read_text()

    assert (code, errors) == (0, "")
    assert said == f"{tmp_path / 'made' / 'report.md'}\n"
    assert "**Which?** (here)" in page
    assert f"plan {digest(found)[:12]}" in page
    assert "2 arms x 3 seeds" in page
    assert "| b | 3 | **61.0" in page
    assert "training.epochs: 2" in page
    assert page.index("embedding.learned1d.std") > page.index("Each arm has of its own")
    assert "sha256 ffff" in page
    assert "Abacus 2000" in page
    assert "vitpos sweep study=made" in page
    assert all(f"**{number}. " in page for number in (4, 5, 6, 7, 8))


def test_runs_without_a_plan_are_exploratory(tmp_path: Path, capsys: Any) -> None:
    """The page says so; names that are Markdown stay names; --output says where."""
    for member in made(tmp_path / "a").members:
        put(member.run, accuracy=0.5)
    (tmp_path / "a" / "made" / "plans").rename(tmp_path / "aside")
    where = tmp_path / "pages"
    words = "report", tmp_path / "a", "--only", "appendix", "--output", where
    code, _, errors = call(capsys, *words)
    page = (where / "report.md").read_text()

    assert (code, errors) == (0, "")
    assert "were not planned as a study" in page
    assert "Nothing was fixed before the runs" in page


def test_no_runs_is_an_error(tmp_path: Path, capsys: Any) -> None:
    """With the code of run folders, and nothing is written."""
    code, _, errors = call(capsys, "report", tmp_path, "--only", "appendix")

    assert code == 4
    assert "holds no runs" in errors
    assert not (tmp_path / "report.md").exists()
