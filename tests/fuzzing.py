"""Files as nobody writes them, and a process of its own that reads them and is watched."""

import json
import os
import random
import resource
import signal
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import amounts

from vitpos import seals
from vitpos.errors import UserError

SLOWEST, MOST = 1.0, 200 * 2**20  # `seconds` of a processor and bytes above the start, of a case
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 10**400, -(10**18), 0.5, 1e308, -1e-320, float("nan"), float("inf"),
    "", "x" * 70_000, "\x00\x1b[31m", "\u202e=cmd()", "../../x", "é\ud800", [], [[]], {}, {"": {}},
    [None] * 5000, {"step": []},
)  # fmt: skip
PIECES = (
    b"\x00", b"\xff\xfe", b"\xf0\x9f", b"\n", b"\r", b"\t", b"[" * 3000, b"{\"a\":" * 2000, b"? ",
    b"9" * 5000, b"1e999", b"NaN", b"-Infinity", b"&a *a", b"!!python/object:os.system ",
    b"a: " * 400, b"- " * 3000, b"'", b'"', b"\\u0000", b"#", b"%YAML 9.9\n", b"---\n", b"<<: *a\n",
    b"0x" + b"f" * 900, b"1_0:0_1:0", b"\xef\xbb\xbf", b"PK\x01\x02", struct.pack("<Q", 2**63),
    struct.pack(">I", 2**31), struct.pack("<Q", 2**64 - 1), b"x" * 100_000, b" " * 60_000,
)  # fmt: skip


def changed(random: random.Random, content: bytes) -> bytes:
    """A file with one to three wounds: bits, bytes, pieces, parts that are gone or twice there."""
    found = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 3))):
        at, to = sorted(random.randrange(len(found) + 1) for _ in range(2))
        match random.randrange(8):
            case 0 if found:
                found[at % len(found)] ^= 1 << random.randrange(8)
            case 1:
                found[at : at + 8] = random.randbytes(random.randrange(1, 16))
            case 2:
                found[at:at] = random.choice(PIECES)
            case 3:
                found[at : min(to, at + 200)] = random.choice(PIECES)
            case 4:
                del found[at:to]
            case 5:
                found[at:at] = found[at : min(to, at + 4096)]
            case 6:
                lines = bytes(found).split(b"\n")
                line = random.choice(lines)
                lines.insert(random.randrange(len(lines) + 1), line)
                found = bytearray(b"\n".join(lines))
            case _:
                number = random.choice((2**31 - 1, 2**32 - 1, 2**63, 2**64 - 1, 10**12))
                kind = random.choice(("<Q", ">Q"))
                found[at : at + 8] = struct.pack(kind, number)
    return bytes(found)


def spoilt(random: random.Random, data: Any) -> Any:
    """A document in which one value is odd, gone, or under another name; deep inside or not."""
    if isinstance(data, dict) and data and random.random() < 0.9:
        key = random.choice([*data])
        found = dict(data)
        match random.randrange(6):
            case 0:
                del found[key]
            case 1:
                found[str(random.choice(ODD))[:50]] = found.pop(key)
            case _:
                found[key] = spoilt(random, found[key])
        return found
    if isinstance(data, list) and data and random.random() < 0.7:
        at = random.randrange(len(data))
        return [*data[:at], spoilt(random, data[at]), *data[at + 1 :]]
    return random.choice(ODD)


def document(random: random.Random, content: bytes) -> bytes:
    """A JSON document: any bytes, or odd values, sealed as if they had been written so."""
    if random.random() < 0.35:
        return changed(random, content)
    data = spoilt(random, json.loads(content))
    if not isinstance(data, dict) or random.random() < 0.5:
        return json.dumps(data).encode()
    data.pop(seals.KEY, None)
    text = json.dumps(data | {seals.KEY: ""}, indent=2).encode() + b"\n"
    head = text[: -len(seals.AFTER)]
    return head + seals.digits(head) + seals.AFTER


def lines(random: random.Random, content: bytes) -> bytes:
    """Lines of JSON: any bytes, or odd values with the check sum that is right for them."""
    if random.random() < 0.35:
        return changed(random, content)
    rows = [json.loads(line) for line in content.splitlines()]
    for row in rows:
        del row[seals.KEY]
    at = random.randrange(len(rows))
    rows[at] = spoilt(random, rows[at])
    if random.random() < 0.2:
        rows.insert(at, rows[at])
    return b"".join(seals.line(row) if isinstance(row, dict) and row else b"3\n" for row in rows)


def text(random: random.Random, content: bytes) -> bytes:
    """A YAML file as earlier versions wrote it: without a check sum, or one that is right."""
    plain = seals.text_of_yaml(content.decode()).encode()
    odd = changed(random, plain)
    return seals.yaml(odd.decode("utf-8", "replace")) if random.random() < 0.1 else odd


def header(random: random.Random, content: bytes) -> bytes:
    """A safetensors file: any bytes, or a header that tells something else."""
    if random.random() < 0.4:
        return changed(random, content)
    size = int.from_bytes(content[:8], "little")
    said = json.dumps(spoilt(random, json.loads(content[8 : 8 + size]))).encode()
    return len(said).to_bytes(8, "little") + said + content[8 + size :]


Case = Callable[[int], None]  # writes and reads the file of this number


class TooLong(BaseException):
    """A case that goes on and on."""


def watched(case: Case, numbers: range) -> dict[str, Any]:
    """What a child that works through these cases finds: how each kind of end was met, how often.

    It may have a few gigabytes more than at its start, and a minute for each case.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        found: dict[str, Any] = {"ends": {}, "wrong": ["the child ended"]}
        try:
            os.close(ours)
            found = worked(case, numbers)
        finally:
            with os.fdopen(theirs, "w") as file:
                json.dump(found, file)
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    return json.loads(told) if told else {"ends": {}, "wrong": [f"ended by {status} {numbers}"]}


def worked(case: Case, numbers: range) -> dict[str, Any]:
    """The same, in the child."""
    limit()
    ends, wrong, slowest = dict[str, int](), list[str](), 0.0
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    start = memory("VmRSS")
    for number in numbers:
        before = time.process_time()
        signal.setitimer(signal.ITIMER_REAL, 60)
        try:
            case(number)
            end = "read"
        except UserError as error:
            end = type(error).__name__
        except (Exception, TooLong) as error:
            end = "crash"
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            wrong.append(f"case {number}: {type(error).__name__}: {error} at {place}"[:300])
        signal.setitimer(signal.ITIMER_REAL, 0)
        ends[end] = ends.get(end, 0) + 1
        took = time.process_time() - before
        slowest = max(slowest, took)
        if took > amounts.seconds(SLOWEST):
            wrong.append(f"case {number}: {took:.1f} s")
        if memory("VmHWM") - start > MOST:
            wrong.append(f"case {number}: {(memory('VmHWM') - start) >> 20} MB")
            break
    return {
        "ends": ends,
        "wrong": wrong,
        "slowest": slowest,
        "most": (memory("VmHWM") - start) / 2**20,
    }


def limit() -> None:
    """No more than four gigabytes, and an alarm that raises."""
    size = memory("VmSize") + 4 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (size, size))

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, stop)


def memory(name: str) -> int:
    """What the kernel says of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def batches(count: int, size: int = 500) -> Iterator[range]:
    """The numbers of all cases, in parts."""
    yield from (range(start, min(start + size, count)) for start in range(0, count, size))
