"""YAML that somebody else may have written, read as plain data or refused with file and line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from vitpos import seals
from vitpos.errors import BadRun
from vitpos.received import content

LONGEST = 2**16  # bytes
DEEPEST = 20
MOST = 5000  # words and marks: the largest of ours has 229
BRACKETS = 500  # of those: for each one the scanner looks at all that are open
KINDS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")
}


class Document(NamedTuple):
    """Mappings, lists, words and numbers, and the line on which each dotted key stands."""

    data: Any
    lines: dict[str, int]


def read_yaml(path: Path) -> Document:
    """One small document without aliases, tags, dates or keys that occur twice, else `BadRun`."""
    try:
        data = content(path, LONGEST)
        if not seals.is_whole(data):
            raise BadRun(f"{path} is damaged: {seals.CHANGED}", seals.BY_HAND)
        text = data.decode("utf-8")
    except OSError as error:
        raise BadRun(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadRun(f"{path}:{line}: not UTF-8 text") from error
    try:
        stop_at_brackets(text)
        stop_at_odd_tokens(path, text)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines = dict(keys(path, node, "")) if node else {}
        return Document(loader.construct_document(node) if node else None, lines)
    except yaml.MarkedYAMLError as error:
        raise BadRun(complaint(path, error)) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        line = text[: getattr(error, "position", 0)].count("\n") + 1
        raise BadRun(f"{path}:{line}: {getattr(error, 'reason', error)}") from error


def read_plain(path: Path) -> Any:
    """The same data in a tenth of the time, without its lines, where the C library is there."""
    fast = getattr(yaml, "CSafeLoader", None)
    try:
        data = content(path, LONGEST)
        if fast is None or not seals.is_whole(data):
            return read_yaml(path).data
        loader, depth = fast(data), 0
        for event in yaml.parse(data, fast):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            tagged = getattr(event, "tag", None) is not None
            if tagged or depth > DEEPEST or getattr(event, "anchor", None) is not None:
                return read_yaml(path).data  # which says what is wrong, and where
        return loader.get_single_data()
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return read_yaml(path).data


def complaint(path: Path, error: Exception) -> str:
    """Where and why a file is no YAML, in a line."""
    if isinstance(error, yaml.MarkedYAMLError):
        return f"{where(path, error.problem_mark)}: {error.problem}"
    return f"{path} cannot be read: {' '.join(str(error).split())}"


def stop_at_brackets(text: str) -> None:
    """A `ValueError` for brackets within brackets, over which PyYAML would take a second."""
    if text.count("[") + text.count("{") > BRACKETS:
        raise ValueError(f"more than {BRACKETS} brackets")


def stop_at_odd_tokens(path: Path, text: str) -> None:
    """Refuse what could grow or make objects, before anything is made of it."""
    if text.startswith("\ufeff"):
        raise BadRun(f"{path}:1: starts with a byte order mark")
    depth = 0
    opens = yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken
    starts = (*opens, yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
    ends = yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken
    for number, token in enumerate(yaml.scan(text, yaml.SafeLoader)):
        if number > MOST:
            raise BadRun(f"{where(path, token.start_mark)}: too many words for a config")
        depth += isinstance(token, starts) - isinstance(token, ends)
        if depth > DEEPEST:
            raise BadRun(f"{where(path, token.start_mark)}: too deep")
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
            raise BadRun(f"{where(path, token.start_mark)}: aliases and tags are not read")


def keys(path: Path, node: yaml.Node, name: str) -> Iterator[tuple[str, int]]:
    """Dotted keys below `node` with their lines, counted from one."""
    if node.tag not in KINDS:
        raise BadRun(f"{where(path, node.start_mark)}: {node.value!r} must be in quotes")
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from keys(path, item, name)
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag not in KINDS:
            raise BadRun(f"{where(path, key.start_mark)}: a key must be a word")
        if key.value in seen:
            raise BadRun(f"{where(path, key.start_mark)}: {key.value} occurs twice")
        seen.add(key.value)
        dotted = f"{name}.{key.value}" if name else key.value
        yield dotted, key.start_mark.line + 1
        yield from keys(path, value, dotted)


def where(path: Path, mark: yaml.Mark | None) -> str:
    """`file:line:column`, counted from one."""
    return f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
