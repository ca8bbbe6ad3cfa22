"""What a kernel becomes on a GPU that need not be there: registers, spills, widths of loads.

Triton compiles for any architecture with the assembler in its package; the disassembler beside it
reads the result. A test can so hold a kernel to its resources on machines without a GPU.
"""

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime import JITFunction

USAGE = re.compile(r"REG:(\d+)\s+STACK:(\d+)\s+SHARED:\d+\s+LOCAL:(\d+)")
MOVE = re.compile(r"\b(LDG|STG|LDL|STL)(\.[A-Z0-9_.]+)?\s")
PRODUCT = re.compile(r"\b([HQI]G?MMA|WGMMA)\.")
BITS = {"U8": 8, "S8": 8, "U16": 16, "S16": 16, "64": 64, "128": 128}


@dataclass(frozen=True)
class Resources:
    """What one kernel takes, of a thread or of a block of threads."""

    registers: int  # per thread, of 255
    spills: int  # bytes per thread that did not fit into registers
    shared: int  # bytes per block
    loads: Mapping[int, int]  # instructions that read global memory, by bits per thread
    stores: Mapping[int, int]  # the same for writes
    products: int  # instructions of tensor cores

    @property
    def narrowest(self) -> int:
        """Bits per thread of the narrowest load or store."""
        return min([*self.loads, *self.stores])


def resources(
    kernel: object,
    signature: Mapping[str, str],
    constants: Mapping[str, Any],
    arch: int,
    warps: int = 4,
    stages: int = 1,
) -> Resources:
    """Compile `kernel` for ``sm_<arch>`` (80, 90) and read what came out.

    `signature` has the type of every argument known only at a launch: ``*bf16``, ``i32``, ``fp32``;
    with ``:16`` behind it, a number divisible by 16, as for a launch; pointers are aligned to 16
    bytes in any case. `constants` are all other arguments. `TypeError` for a kernel that is
    interpreted (``TRITON_INTERPRET=1`` when it was imported), or where an argument is missing.
    """
    compiled = triton.compile(
        source(kernel, signature, constants),
        target=GPUTarget("cuda", arch, 32),
        options={"num_warps": warps, "num_stages": stages, "enable_fp_fusion": True},
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.cubin"
        file.write_bytes(compiled.asm["cubin"])
        usage, code = (read(what, file) for what in ("--dump-resource-usage", "--dump-sass"))
    found = USAGE.search(usage)
    if found is None:
        raise ValueError(f"no resources in {usage!r}")
    registers, stack, local = map(int, found.groups())
    moves = Counter((kind, width(flags)) for kind, flags in MOVE.findall(code))
    return Resources(
        registers,
        stack + local,
        compiled.metadata.shared,
        {bits: count for (kind, bits), count in moves.items() if kind == "LDG"},
        {bits: count for (kind, bits), count in moves.items() if kind == "STG"},
        len(PRODUCT.findall(code)),
    )


def source(kernel: object, signature: Mapping[str, str], constants: Mapping[str, Any]) -> ASTSource:
    """The kernel with its arguments as Triton wants them told."""
    if not isinstance(kernel, JITFunction):
        raise TypeError(f"{kernel} is not a kernel that can be compiled")
    names = kernel.arg_names
    told = [*signature, *constants]
    if odd := {name for name in {*names, *told} if name not in names or told.count(name) != 1}:
        raise TypeError(f"{kernel.__name__}: tell {', '.join(sorted(odd))} once, or not at all")
    types = {name: signature.get(name, "constexpr").partition(":")[0] for name in names}
    divisible = [["tt.divisibility", 16]]
    attrs = {
        (i,): divisible
        for i, name in enumerate(names)
        if types[name].startswith("*") or signature.get(name, "").endswith(":16")
    }
    return ASTSource(kernel, types, dict(constants), attrs)


def read(what: str, file: Path) -> str:
    """What the disassembler says."""
    tool = triton.knobs.nvidia.cuobjdump.path
    done = subprocess.run([tool, what, str(file)], capture_output=True, text=True, check=True)
    return done.stdout


def width(flags: str) -> int:
    """Bits that one thread moves, from the flags of an instruction."""
    return next((BITS[flag] for flag in flags.split(".") if flag in BITS), 32)
