"""Output that every program and every terminal can read."""

import codecs
import io
import json
import math
import os
import re
import sys
import unicodedata
from contextlib import suppress
from typing import IO, Any

from vitpos.errors import NoResources

KNOWN = r"(\n|\t|\x1b\[[0-9;]{0,32}m)"  # the end of a line, and a colour
SIGPIPE = 13  # a shell says 128 more for a program that it ended
# What a terminal without Unicode is shown instead.
ASCII = {
    **dict(zip("▁▂▃▄▅▆▇█", "12345678", strict=True)),
    **{"·": ".", "×": "x", "–": "-", "—": "-", "±": "+-", "…": "...", "→": "->", "✓": "ok"},
    **{"−": "-", "√": "sqrt ", "∞": "inf", "≤": "<=", "←": "<-", "⊙": "*", "℘": "wp", "‖": "||"},
    **{"Δ": "d", "Σ": "sum", "⁻": "^-", "ᵀ": "^T", "⌊": "floor ", "⌋": "", "°": " deg"},
    **{"─": "-", "├": "|", "┤": "|", "┊": ":", "●": "o", "✕": "x"},
    **{"ø": "o", "Ø": "O", "½": "1/2", "λ": "lambda"},
}


def json_text(data: Any) -> str:
    """JSON as the standard has it: what is not a finite number is null."""
    return numbered(json.dumps(finite(data), indent=2, ensure_ascii=False, allow_nan=False))


def numbered(text: str) -> str:
    """The same JSON, with what controls a terminal by its number."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else by_number(c) for c in text)


def by_number(character: str) -> str:
    """A character as JSON's escapes, of which one has 16 bits."""
    bits = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{bits[i : i + 2].hex()}" for i in range(0, len(bits), 2))


def finite(data: Any) -> Any:
    """The same data, with None for NaN and infinities."""
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def harmless(text: str) -> str:
    """The same, but what would do more to a terminal than lines and colours made visible."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(map(seen, re.split(KNOWN, text)))


def seen(part: str) -> str:
    """A colour as it is, else a text with what moves the cursor spelled out."""
    if re.fullmatch(KNOWN, part):
        return part
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in part)


def say(text: str, *, end: str = "\n", aside: bool = False) -> None:
    """Write as the locale has it, where Click would take ASCII for a mistake.

    What is said `aside` goes to standard error.
    """
    file = sys.stderr if aside else sys.stdout
    if file is None:  # the shell closed it
        return
    try:
        file.write(f"{harmless(text)}{end}")
        file.flush()
    except OSError as error:
        raise unheard(error, file) from error


def unheard(error: OSError, file: IO[str]) -> Exception | SystemExit:
    """What to raise if the output goes nowhere.

    That nobody reads on, as in `vitpos list | head -1`, is no error; a full disk is.
    """
    silence(file)
    if isinstance(error, BrokenPipeError):
        return SystemExit(128 + SIGPIPE)
    return NoResources(f"cannot write the output: {error.strerror or error}")


def silence(file: IO[str]) -> None:
    """Send what follows nowhere, and what Python still holds: it tries again when it shuts down."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def tolerate() -> None:
    """Let standard output and error take any text, whatever the locale."""
    codecs.register_error("vitpos", replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="vitpos")


def replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Something like the characters that cannot be encoded; bytes of file names as they are."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    if all("\udc80" <= character <= "\udcff" for character in wrong):
        return bytes(ord(character) - 0xDC00 for character in wrong), error.end
    return "".join(map(alike, wrong)), error.end


def alike(character: str) -> str:
    """A letter without its accent, a Greek one by its name, a raised figure after a ^."""
    if character in ASCII:
        return ASCII[character]
    name, parts = unicodedata.name(character, ""), unicodedata.normalize("NFKD", character)
    if name.startswith("GREEK SMALL LETTER "):
        return name.rpartition(" ")[2].lower()
    if name.startswith("SUPERSCRIPT "):
        return f"^{parts}"
    return parts[0] if parts[0].isascii() else "?"
