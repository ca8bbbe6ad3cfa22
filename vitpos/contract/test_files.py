"""What the file of a strategy says is so."""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from vitpos import build, catalogue, config
from vitpos.attention import Attend
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.grid import Grid
from vitpos.specimens import (
    WIDTHS,
    fitting,
    loud,
    noise,
    options,
    position,
    read,
    reference,
    trunk,
)
from vitpos.switches import flat

HERE = Path(__file__).parent
HOOKS = ("pixels", "tokens", "attention inputs", "queries and keys", "logits", "values")


def ours(file: str) -> bool:
    """Whether it comes with vitpos, whose files must tell everything."""
    return config.files("embedding")[file].is_relative_to(config.folder())


def test_is_described(file: str) -> None:
    """What it does, the paper with its year and number, the field's name, and all the facts."""
    lines = config.files("embedding")[file].read_text("utf-8").splitlines()
    entry = catalogue.entry(file)

    assert 20 <= len(entry.description) <= 100
    assert list(catalogue.load("\n".join(lines), Path(file))) == [file]
    if ours(file):
        assert all(re.match(r"# \S", line) for line in lines[:3])
        assert re.search(r"(19|20)\d\d.*(arXiv \d{4}\.\d{4,5}|https?://)", entry.paper)
        assert list(entry.facts) == list(catalogue.FACTS)
        assert all(entry.facts.values())
        assert entry.parameters is not None


def test_exceptions_name_promises(file: str) -> None:
    """Each `# exception:` is of a test of the contract, and says why."""
    promises = {
        name
        for path in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    found = catalogue.entry(file).exceptions

    assert set(found) <= promises
    assert all(found.values())


def test_holds_every_number(file: str) -> None:
    """The options are exactly the arguments of its class, which has no defaults."""
    given = read(file)
    found = build.strategy(given)

    assert {key for key in given if not key.startswith("_")} == build.keywords(found)
    signature = inspect.signature(found).parameters.values()
    assert all(p.default is inspect.Parameter.empty for p in signature)


def test_learns_as_many_numbers_as_it_says(file: str) -> None:
    """`# parameters:` at 192 channels, 12 layers, 3 heads (else 4), 8 x 8 cells and a CLS token."""
    told = catalogue.entry(file).parameters
    strategy = build.embedding(options(file), reference(file), 0)

    assert told in (None, sum(weight.numel() for weight in strategy.parameters()))


@torch.no_grad()
def test_acts_where_it_says(file: str) -> None:
    """`# acts:` names the places at which it speaks, and no others."""
    told = catalogue.entry(file).facts.get("acts", "").replace("nothing", "")
    places = {place.strip() for place in told.split(",") if place.strip()}
    found = spoken(loud(position(file, **fitting(file))))

    assert places <= set(HOOKS)
    assert places == found or not (places or ours(file))


def spoken(strategy: Any) -> set[str]:
    """The places at which something comes out that did not go in, at any layer."""
    grid, found = Grid(3, 5), set()
    layers = range(strategy.trunk.depth)
    images = noise(2, 3, 12, 20)
    if strategy.pixels(images) is not images:
        found.add("pixels")
    for layer in layers:
        x = noise(2, grid.cells, strategy.trunk.dim)
        heads = 2, strategy.trunk.heads, grid.cells, strategy.trunk.head_dim
        q, k, v = (noise(*heads, seed=seed) for seed in range(3))
        site = Site(grid, layer, 0)
        if differs(strategy.tokens(x, site), x):
            found.add("tokens")
        if any(differs(told, x) for told in strategy.inputs(x, x, site)):
            found.add("attention inputs")
        site = site._replace(content=x)
        a, b = strategy.heads(q, k, site)
        if differs(a, q) or differs(b, k):
            found.add("queries and keys")
        term = strategy.logits(a, b, site)
        if term is not None and term.any():
            found.add("logits")
        gather = Attend(a, b, term, strategy.trunk.head_dim**-0.5, "explicit")
        if differs(strategy.values(v, gather, site), gather(v)):
            found.add("values")
    return found


def differs(after: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether it is another tensor."""
    return after.shape != before.shape or not torch.equal(after, before)


def test_its_class_keeps_its_rules(file: str) -> None:
    """What `_needs_` forbids is a `ValueError` of the class too, at the latest when it speaks."""
    allowed = [
        f"{key} = {bad}" for key, bad in broken_rules(read(file)) if not refused(file, key, bad)
    ]

    assert allowed == [], allowed


def broken_rules(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """For each rule a value that breaks it."""
    for key, rules in given.get("_needs_", {}).items():
        if "multiple_of" in rules:
            yield key, rules["multiple_of"] * 3 + 1
        if "at_least" in rules:
            bad = rules["at_least"] - 1
            yield key, float(bad) if isinstance(flat(given).get(key), float) else bad
        if "one_of" in rules and not all(isinstance(word, bool) for word in rules["one_of"]):
            numbers = [word for word in rules["one_of"] if isinstance(word, int | float)]
            yield key, max(numbers) + 1 if numbers == rules["one_of"] else "nonsense"


def refused(file: str, key: str, bad: Any) -> bool:
    """Whether a strategy with this value is not built, or does not speak."""
    given = options(file)[file]
    sizes = dict(fitting(file))
    if isinstance(flat(given).get(key), float) and isinstance(bad, int):
        bad = float(bad)
    if key == "head_dim":
        sizes["dim"] = bad * sizes["heads"]
    elif key in WIDTHS:
        sizes[key] = bad
    elif key in flat(given):
        inner, *path = reversed(key.split("."))
        within = given[path[0]] if path else given
        within[inner] = bad
    if key == "dim" and bad % sizes["heads"]:
        sizes["heads"] = 1
    try:
        speak(build.made(given, trunk(**sizes)))
    except (ValueError, RuntimeError):
        return True
    return False


def speak(strategy: PositionEmbedding) -> None:
    """Ask a strategy everything, on a grid that it was not built for."""
    known: Trunk = strategy.trunk
    site = Site(Grid(2, 3), 0, 0, content=noise(1, 6, known.dim))
    x, q = noise(1, 6, known.dim), noise(1, known.heads, 6, known.head_dim)
    strategy.tokens(x, site)
    strategy.inputs(x, x, site)
    a, b = strategy.heads(q, q, site)
    term = strategy.logits(a, b, site)
    strategy.values(q, Attend(a, b, term, 1.0, "explicit"), site)
