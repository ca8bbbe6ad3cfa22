"""Text that carries the check sum of itself, so that damage is never read as other numbers.

A line of JSON and a JSON document end with it, as their last key; a YAML file starts with it, as
its first line, because a YAML file that was cut off is one still. What is without a check sum, as
earlier versions wrote it, is read all the same.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

KEY = "crc32"
BEFORE, AFTER = f'"{KEY}": "'.encode(), b'"\n}\n'  # of the eight digits at the end of a document
COMMENT = f"# {KEY} ".encode()
CHANGED = "it is not what was written"
BY_HAND = f"if it was you who changed it: take out its {KEY}"
MOST = 1000  # lists and objects in a line: each takes more memory than its text tells


class Changed(ValueError):
    """A check sum is not that of its text."""


def document(data: Mapping[str, Any]) -> bytes:
    """A JSON document to be read by people, too."""
    content = {key: value for key, value in data.items() if key != KEY} | {KEY: ""}
    text = f"{json.dumps(content, indent=2, ensure_ascii=False)}\n".encode()
    head = text[: -len(AFTER)]
    return head + digits(head) + AFTER


def read_document(content: bytes) -> Any:
    """The data of a JSON document; a `ValueError` if it is damaged."""
    known = content[-22:-12] == BEFORE and content[-4:] == AFTER
    if known and digits(memoryview(content)[:-12]) != content[-12:-4]:
        raise Changed(CHANGED)
    data = json.loads(content.decode())
    found = isinstance(data, dict) and data.pop(KEY, None) is not None
    if not known and (found or digits(content[:-22] + BEFORE) == content[-12:-4]):
        raise Changed(CHANGED)  # the latter where only the name of the check sum is damaged
    return data


def line(row: Mapping[str, Any]) -> bytes:
    """A line of JSON."""
    text = json.dumps(row)
    return f'{text[:-1]}, "{KEY}": "{zlib.crc32(text.encode()):08x}"}}\n'.encode()


def read_line(text: bytes) -> dict[str, Any] | None:
    """The object of a line whose check sum is right."""
    if text.count(b"[") + text.count(b"{") > MOST:
        return None
    try:
        row = json.loads(text)
        said = row.pop(KEY, None) if isinstance(row, dict) else None
        return row if said == f"{zlib.crc32(json.dumps(row).encode()):08x}" else None
    except (ValueError, RecursionError):
        return None


def yaml(text: str) -> bytes:
    """A YAML document, after a line with its check sum."""
    content = text.encode()
    return COMMENT + digits(content) + b"\n" + content


def text_of_yaml(text: str) -> str:
    """A YAML document without the line with its check sum."""
    return text.partition("\n")[2] if text.startswith(COMMENT.decode()) else text


def is_whole(content: bytes) -> bool:
    """Whether a YAML document is as it was written, as far as it says."""
    start = len(COMMENT) + 9
    said = content[len(COMMENT) : start]
    return not content.startswith(COMMENT) or said == digits(content[start:]) + b"\n"


def digits(content: bytes | memoryview) -> bytes:
    """Eight hexadecimal ones."""
    return b"%08x" % zlib.crc32(content)
