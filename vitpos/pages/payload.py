"""What a page carries: facts as JSON, and all arrays as one compressed text.

The same facts and arrays give the same bytes: keys are sorted and no time is in it.
"""

import base64
import gzip
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from vitpos.pages.coded import Coded


class Packed:
    """Facts with arrays in them, apart: `meta` has a reference in the place of each array."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.pieces: list[bytes] = []
        self.length = 0
        self.meta = text(self.referred(facts))
        self.blob = encoded(b"".join(self.pieces))

    @property
    def size(self) -> int:
        """Bytes that both take in a page."""
        return len(self.meta) + len(self.blob)

    def referred(self, data: Any) -> Any:
        """The same data with references, and nothing that JSON does not have."""
        match data:
            case Coded():
                return self.reference(data)
            case Mapping():
                return {str(key): self.referred(data[key]) for key in sorted(data)}
            case list() | tuple():
                return [self.referred(value) for value in data]
            case float():
                return data if math.isfinite(data) else None
        return data

    def reference(self, array: Coded) -> dict[str, Any]:
        """Where an array is, and what its codes mean."""
        found: dict[str, Any] = {
            "at": self.length,
            "shape": list(array.shape),
            "low": array.low,
            "high": array.high,
            "gamma": array.gamma,
        }
        if array.raw:
            found["raw"] = True
        self.pieces.append(array.codes.tobytes())
        self.length += array.codes.size
        return found


def text(data: Any) -> str:
    """JSON that cannot end a script: every `<` is written as an escape."""
    said = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return said.replace("<", "\\u003c")


def squeezed(content: bytes) -> bytes:
    """As browsers open it, without a date."""
    return gzip.compress(content, 9, mtime=0)


def encoded(content: bytes) -> str:
    """As a page holds bytes: compressed, in base64."""
    return base64.b64encode(squeezed(content)).decode("ascii")


def unpacked(meta: str, blob: str) -> tuple[dict[str, Any], bytes]:
    """The facts and the bytes of all arrays, as a page reads them."""
    return json.loads(meta), gzip.decompress(base64.b64decode(blob))


def arrays(data: Any) -> Iterator[Coded]:
    """All that are in some facts."""
    match data:
        case Coded():
            yield data
        case Mapping():
            for value in data.values():
                yield from arrays(value)
        case list() | tuple():
            for value in data:
                yield from arrays(value)
