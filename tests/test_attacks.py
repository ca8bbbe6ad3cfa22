"""What strangers send has no effect outside of where it lies, and ends with an error in a line."""

import functools
import os
import pickle
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from amounts import seconds, some
from attacks import (
    configs,
    images,
    links,
    oracle,
    overrides,
    pickles,
    plans,
    studies,
    tensors,
    texts,
)
from attacks.place import ENV, SECRET, Place, typed
from small_runs import train

from vitpos import cli, config, outcome

KINDS = {
    "config": configs.ATTACKS,
    "image": images.ATTACKS,
    "link": links.ATTACKS,
    "override": overrides.ATTACKS,
    "pickle": pickles.ATTACKS,
    "plan": plans.ATTACKS,
    "study": studies.ATTACKS,
    "tensor": tensors.ATTACKS,
    "text": texts.ATTACKS,
}
ATTACKS = {f"{kind}: {name}": one for kind, all_of in KINDS.items() for name, one in all_of.items()}
HARMLESS = re.compile(r"\x1b\[[0-9;]*m|\n|\t")  # or the end of a line, or a gap
LOADING = ("eval RUN", "probe RUN what=shuffle", "report RUN", "plot RUN", "diff RUN RUN")
LONGEST, LARGEST = 1.0, 200.0  # `seconds` of the processor, MB


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as it is sent, after what every process loads once is loaded."""
    top = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitpos.machine.commit", lambda: None)
        patch.chdir(top)
        made = train(top, "notes=harmless")
        copy = shutil.copytree(made.parent, top / "loaded")
        for words in LOADING:
            typed_in = words.replace("RUN", str(copy / made.name)).split()
            outcome.of(functools.partial(cli.app, args=typed_in, prog_name="vitpos"))
    return made


@pytest.fixture
def place(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Place:
    """Where one types, with a secret in the environment."""

    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["vitpos", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return (int(caught.value.code or 0), *capfd.readouterr())

    made = Place(tmp_path / "world", finished, call)
    monkeypatch.chdir(made.cwd)
    monkeypatch.setattr("vitpos.machine.commit", lambda: None)  # which asks git
    for name, value in {
        "HOME": str(made.home),
        "XDG_CACHE_HOME": str(made.top / "cache"),
        ENV: SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("VITPOS_DATA", "VITPOS_CONFIGS"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_there_are_enough() -> None:
    """At least sixty, of nine kinds, no two alike in what they are called."""
    assert len(ATTACKS) >= 60
    assert all(len(of_a_kind) >= 4 for of_a_kind in KINDS.values())


@pytest.mark.torture
@pytest.mark.parametrize("name", some(sorted(ATTACKS), 80))
def test_has_no_effect(
    name: str, place: Place, record_property: Callable[[str, object], None]
) -> None:
    """Nothing outside is written, started, asked or told; the user gets a code and a line."""
    attack = ATTACKS[name]
    place.type(["list", "runs"])  # what is loaded once is loaded
    attack.prepare(place)
    before = place.around()
    said = [place.type(typed(place, words)) for words in attack.words]
    text = "\n".join(one.out + one.err for one in said)

    assert place.around() == before
    assert [heard for ears in place.ears for heard in ears.heard] == []
    assert not list(place.leaks())
    assert SECRET not in text
    for one in said:
        assert one.code in attack.codes, one
        assert "Traceback" not in one.err
        assert "this is a bug" not in one.err
        assert HARMLESS.sub("", one.out + one.err).isprintable(), one
        if one.code:
            assert one.err.splitlines()[0].startswith(("error: ", "note: ")), one
    for word in attack.says:
        assert word in text
    pages = place.written()
    for words, one in zip(attack.words, said, strict=True):
        pages += one.out if words[0] != "report" else ""  # which tells a terminal how far it is
    for word in attack.unsaid:
        assert word not in pages
    if attack.limited:
        assert max(one.seconds for one in said) < seconds(LONGEST)
        assert max(one.megabytes for one in said) < LARGEST
    record_property("commands", len(said))
    record_property("slowest second", round(max(one.seconds for one in said), 2))
    record_property("most MB", round(max(one.megabytes for one in said), 1))
    place.ears.clear()


class Bomb:
    """Starts a process if it is ever unpickled."""

    def __reduce__(self) -> object:
        return os.system, ("touch effect",)


EFFECTS: dict[str, Callable[[Path], object]] = {
    "a process": lambda outside: os.system("true"),
    "a pickle": lambda outside: pickle.loads(pickle.dumps(Bomb())),
    "a pickle of torch": lambda outside: torch.load(
        outside.parent / "cwd/received/bomb.pt", weights_only=False
    ),
    "a file": lambda outside: (outside / "effect").write_text(""),
    "a deletion": lambda outside: (outside / "sentinel").unlink(),
    "a link": lambda outside: (outside / "effect").symlink_to("x"),
    "through a link": lambda outside: (outside.parent / "cwd/received/out").write_text("x"),
    "a module": lambda outside: __import__("payload"),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_the_oracle_hears(name: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these would have been noticed."""
    monkeypatch.syspath_prepend(place.cwd)
    (place.received / "out").symlink_to(place.outside / "sentinel")
    torch.save(Bomb(), place.received / "bomb.pt")
    with oracle.listening(place.received, place.top / "cache") as ears:
        EFFECTS[name](place.outside)
    sys.modules.pop("payload", None)

    assert ears.heard


def test_a_harmless_run_is_still_one(place: Place) -> None:
    """What the attacks are made of is shown, evaluated, compared and done again."""
    for words in (["show", "RUN"], ["eval", "RUN"], ["compare", "RUN"], ["resume", "RUN"]):
        said = place.type(typed(place, words))
        assert said.code == 0, said
    assert config.folder().is_dir()
    assert [heard for ears in place.ears for heard in ears.heard] == []
