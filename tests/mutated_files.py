"""Damaged copies of genuine files: cut, flipped, doubled, stuffed with absurd numbers."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ABSURD = (
    b"-1",
    b"0",
    b"1e308",
    b"nan",
    b"999999999999999999999",
    b"",
    b"abc",
    b"\xff\xfe\x00",
    b"-0.0",
)
LARGEST_ORIGINAL = 4 << 20


def originals(root: Path) -> list[Path]:
    """Genuine files of every suffix, small enough to be damaged many times."""
    return sorted(
        p
        for p in root.rglob("*")
        if p.is_file() and p.stat().st_size <= LARGEST_ORIGINAL and p.name != "INDEX.md"
    )


def mutants(files: list[Path], *, n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield ``n`` (name, bytes), going round the suffixes so that every reader gets its share."""
    rng = np.random.default_rng(seed)
    by_suffix: dict[str, list[Path]] = {}
    for path in files:
        by_suffix.setdefault("".join(path.suffixes[-2:]).lower(), []).append(path)
    suffixes = sorted(by_suffix)
    for number in range(n):
        choices = by_suffix[suffixes[number % len(suffixes)]]
        path = choices[int(rng.integers(len(choices)))]
        yield f"{number:05d}-{path.name}", mutate(path.read_bytes(), path.name, rng)


def mutate(data: bytes, name: str, rng: np.random.Generator) -> bytes:
    """One damaged version; what is gzipped may be damaged inside as well as outside."""
    if name.endswith(".gz") and rng.random() < 0.5:
        return gzip.compress(
            mutate(gzip.decompress(data), name[:-3], rng), compresslevel=1, mtime=0
        )
    ways = (cut, flip_bits, overwrite, absurd_number, double_part, swap_lines, zero_part)
    for _ in range(int(rng.integers(1, 4))):
        data = ways[int(rng.integers(len(ways)))](data, rng)
    return data


def place(data: bytes, rng: np.random.Generator) -> int:
    """A place in a file, more often near its start, where the headers are."""
    limit = len(data) if rng.random() < 0.5 else min(len(data), 1024)
    return int(rng.integers(max(limit, 1)))


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: place(data, rng)]


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 20))):
        if out:
            out[place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(out)


def overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    start = place(data, rng)
    junk = rng.integers(0, 256, size=int(rng.integers(1, 64)), dtype=np.uint8).tobytes()
    return data[:start] + junk + data[start + len(junk) :]


def zero_part(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = place(data, rng), int(rng.integers(1, 256))
    return data[:start] + bytes(min(length, len(data) - start)) + data[start + length :]


def absurd_number(data: bytes, rng: np.random.Generator) -> bytes:
    """Replace one word of a text, or four bytes of anything else."""
    value = ABSURD[int(rng.integers(len(ABSURD)))]
    words = data.split(b" ")
    if len(words) > 3 and b"\x00" not in data[:512]:
        words[int(rng.integers(len(words)))] = value
        return b" ".join(words)
    start = place(data, rng) // 4 * 4
    integer = int(rng.choice(np.array([-1, 0, 2**31 - 1, -(2**31), 2**16]))).to_bytes(
        4, "little", signed=True
    )
    return data[:start] + integer + data[start + 4 :]


def double_part(data: bytes, rng: np.random.Generator) -> bytes:
    start = place(data, rng)
    stop = start + int(rng.integers(1, 4096))
    return data[:stop] + data[start:stop] * int(rng.integers(1, 5)) + data[stop:]


def swap_lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    if len(lines) < 3:
        return data
    i, j = (int(v) for v in rng.integers(len(lines), size=2))
    lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)
