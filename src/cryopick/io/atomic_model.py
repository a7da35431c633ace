"""Atomic models (PDB and mmCIF): how many atoms, chains and assembly operators they hold."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cryopick.errors import FormatError

# Unpacked sizes beyond this are refused: no deposited model is as large.
_LARGEST_BYTES = 1 << 30
_LONGEST_LINE = 100_000
# A quote inside a quoted value ends it only where white space follows: 'O5\'\'' is one name.
_CIF_VALUE = re.compile(r"""'(?:[^']|'(?=\S))*'(?=\s|$)|"(?:[^"]|"(?=\S))*"(?=\s|$)|\S+""")


def describe_atoms(path: Path) -> dict[str, Any]:
    """Count atoms, chains, models and assembly operators of a PDB or mmCIF file."""
    name = path.name.lower().removesuffix(".gz")
    lines = _lines(path)
    facts = _pdb(lines) if name.endswith((".pdb", ".ent")) else _cif(lines, path)
    if facts["atoms"] == 0:
        raise FormatError(path, "no atoms found", "give a PDB or mmCIF file")
    return facts


def _lines(path: Path) -> Iterator[str]:
    """Lines of a text file, unpacked where it is gzipped."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    read = 0
    try:
        with opener(path, "rb") as file:
            while line := file.readline(_LONGEST_LINE):
                read += len(line)
                if read > _LARGEST_BYTES:
                    raise FormatError(path, "unpacks to more than 1 GiB", "give the model alone")
                yield line.decode("latin-1")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(path, f"damaged gzip data ({error})", "copy the file again") from error


def _pdb(lines: Iterable[str]) -> dict[str, Any]:
    atoms, models, operators = 0, 0, 0
    chains: dict[str, None] = {}
    for line in lines:
        if line.startswith(("ATOM  ", "HETATM")):
            atoms += 1
            chains.setdefault(line[21:22])
        elif line.startswith("MODEL "):
            models += 1
        elif line.startswith("REMARK 350   BIOMT1"):
            operators += 1
    return {
        "format": "PDB",
        "atoms": atoms,
        "chains": len(chains),
        "models": max(models, 1),
        "assembly_operators": operators,
    }


def _cif(lines: Iterable[str], path: Path) -> dict[str, Any]:
    columns: list[str] = []
    chains: dict[str, None] = {}
    atoms = 0
    for line in lines:
        if line.startswith("_atom_site."):
            columns.append(line.split(".", 1)[1].strip())
        elif columns and line.startswith(("ATOM", "HETATM")):
            atoms += 1
            chains.setdefault(_chain(line, columns, path))
        elif columns and atoms and line.startswith(("#", "loop_", "_")):
            break
    return {"format": "mmCIF", "atoms": atoms, "chains": len(chains)}


def _chain(line: str, columns: list[str], path: Path) -> str:
    values = _CIF_VALUE.findall(line)
    if len(values) != len(columns):
        raise FormatError(
            path, f"an atom has {len(values)} values, its table has {len(columns)} columns"
        )
    return values[columns.index("label_asym_id")] if "label_asym_id" in columns else ""
