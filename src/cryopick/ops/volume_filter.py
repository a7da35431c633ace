"""Multiply the Fourier transform of a volume by a weight, in memory or through a scratch file.

One way for both: planes are transformed in x and y, columns of them in z, weighed and transformed
back, then the planes. Only the spectrum is ever held whole, in memory where it fits, else in a
temporary file of its size; the result is the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import PixelSource

if TYPE_CHECKING:
    import torch

# Weight at frequencies kz (z, 1, 1), ky (1, y, 1) and kx (1, 1, x), in cycles per pixel.
Transfer = Callable[[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]], Any]

# A block, its transforms, its weight and what the weight is made of; in complex64 blocks.
_COPIES = 8
# Blocks that stay in a processor's cache are fastest; a file wants long runs; a GPU few launches.
_BLOCK_BYTES = {"memory": 4 * 2**20, "file": 64 * 2**20, "cuda": 256 * 2**20}


def filter_volume(
    source: PixelSource,
    target: Any,
    transfer: Transfer,
    *,
    memory_bytes: int,
    scratch: Path,
    device: str = "cpu",
) -> None:
    """Write ``source`` with its Fourier transform weighed by ``transfer`` into ``target``.

    The mean is taken off first and stays off, so that a large offset costs no precision. Voxels
    that are not finite count as the mean. A length that is slow to transform is continued by
    mirror images at both ends to the next fast one, and cut back; the volume counts as periodic.

    Parameters
    ----------
    source
        ``(z, y, x)``; read slab by slab.
    target
        ``(z, y, x)`` float32 array or memory map; may be ``source`` itself.
    transfer
        ``transfer(kz, ky, kx)`` gives the weight, real or complex, at frequencies in cycles per
        pixel; the arrays broadcast to a block of the half space ``kx >= 0``.
    memory_bytes
        For everything but source and target; with `filter_memory_bytes` no file is needed.
    scratch
        Folder of the temporary file, made where one is needed.
    device
        Torch device on which the transforms run; memory is then that of the device.

    Examples
    --------
    >>> volume = np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32)
    >>> out = np.empty_like(volume)
    >>> filter_volume(
    ...     volume, out, lambda kz, ky, kx: 0.5 + 0 * kz,
    ...     memory_bytes=2**28, scratch=Path("."),
    ... )
    >>> bool(np.allclose(out, (volume - volume.mean()) / 2, atol=1e-6))
    True
    """
    shape = tuple(source.shape)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"filter: expected a volume (z, y, x), got shape {shape}")
    if tuple(target.shape) != shape:
        raise InputError(f"filter: target of shape {tuple(target.shape)}, volume of {shape}")
    plan = _plan(shape, memory_bytes, device)
    mean = _mean(source, plan.planes)
    with _store(plan, scratch, device) as spectrum:
        for first in range(0, shape[0], plan.planes):
            part = slice(first, min(shape[0], first + plan.planes))
            _keep(spectrum, part, _planes_transform(source, part, mean, plan, device))
        _continue_in_z(spectrum, shape[0])
        for first in range(0, plan.padded[1], plan.rows):
            part = (slice(None), slice(first, min(plan.padded[1], first + plan.rows)))
            _keep(spectrum, part, _weigh(_taken(spectrum, part, device), transfer, plan, part[1]))
        for first in range(0, shape[0], plan.planes):
            part = slice(first, min(shape[0], first + plan.planes))
            target[part] = _planes_back(_taken(spectrum, part, device), plan, shape)


def filter_memory_bytes(shape: tuple[int, ...]) -> int:
    """Memory with which `filter_volume` needs no scratch file, beside source and target.

    Examples
    --------
    >>> filter_memory_bytes((180, 400, 400)) / (180 * 400 * 400 * 4) < 1.5
    True
    """
    padded = _padded(shape)
    rows, planes = _least(padded)
    working = max(_BLOCK_BYTES["memory"], rows, planes) * _COPIES
    return _spectrum_bytes(padded) + working


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Lengths that are transformed, planes and rows at a time, and where the spectrum is held."""

    padded: tuple[int, int, int]
    planes: int
    rows: int
    in_file: bool


def _plan(shape: tuple[int, ...], memory_bytes: int, device: str) -> _Plan:
    import torch

    padded = _padded(shape)
    row, plane = _least(padded)
    in_file = memory_bytes < filter_memory_bytes(shape)
    free = memory_bytes if in_file else memory_bytes - _spectrum_bytes(padded)
    if free < max(row, plane) * _COPIES:
        raise InputError(
            f"memory limit of {memory_bytes / 2**20:.0f} MiB: filtering a volume of {shape} needs "
            f"{max(row, plane) * _COPIES / 2**20:.0f} MiB at least; raise the limit"
        )
    on_cpu = torch.device(device).type == "cpu"
    kind = "file" if in_file else ("memory" if on_cpu else "cuda")
    block = min(_BLOCK_BYTES[kind], free // _COPIES)
    return _Plan(
        padded=padded,
        planes=min(shape[0], max(1, block // plane)),
        rows=min(padded[1], max(1, block // row)),
        in_file=in_file,
    )


def _padded(shape: tuple[int, ...]) -> tuple[int, int, int]:
    from scipy.fft import next_fast_len

    z, y, x = (next_fast_len(n, real=True) for n in shape)
    return z, y, x


def _least(padded: tuple[int, int, int]) -> tuple[int, int]:
    """Bytes of one row of columns and of one plane of the spectrum."""
    half = padded[2] // 2 + 1
    return padded[0] * half * 8, padded[1] * half * 8


def _spectrum_bytes(padded: tuple[int, int, int]) -> int:
    return padded[0] * padded[1] * (padded[2] // 2 + 1) * 8


def _mean(source: PixelSource, planes: int) -> float:
    """Mean of all finite voxels."""
    total, count = 0.0, 0
    for first in range(0, source.shape[0], planes):
        part = np.asarray(source[first : first + planes], dtype=np.float32)
        finite = np.isfinite(part)
        total += float(np.sum(part, where=finite, dtype=np.float64))
        count += int(np.count_nonzero(finite))
    return total / max(count, 1)


@contextmanager
def _store(plan: _Plan, scratch: Path, device: str) -> Generator[Any]:
    """The spectrum: a tensor, or a memory map over a temporary file that vanishes afterwards."""
    import torch

    shape = (*plan.padded[:2], plan.padded[2] // 2 + 1)
    if not plan.in_file:
        yield torch.empty(shape, dtype=torch.complex64, device=device)
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(prefix="cryopick-", dir=scratch) as file:
        yield np.memmap(file, dtype=np.complex64, mode="w+", shape=shape)


def _keep(spectrum: Any, part: Any, block: torch.Tensor) -> None:
    spectrum[part] = block.cpu().numpy() if isinstance(spectrum, np.ndarray) else block


def _taken(spectrum: Any, part: Any, device: str) -> torch.Tensor:
    import torch

    if isinstance(spectrum, np.ndarray):
        return torch.from_numpy(np.array(spectrum[part])).to(device)
    return spectrum[part].contiguous()


def _planes_transform(
    source: PixelSource, part: slice, mean: float, plan: _Plan, device: str
) -> torch.Tensor:
    import torch

    planes = np.asarray(source[part], dtype=np.float32) - np.float32(mean)
    np.nan_to_num(planes, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    for axis in (1, 2):
        index = _mirrored(planes.shape[axis], plan.padded[axis])
        if len(index) > planes.shape[axis]:
            planes = np.take(planes, index, axis=axis)
    return torch.fft.rfft2(torch.from_numpy(planes).to(device))


def _continue_in_z(spectrum: Any, nz: int) -> None:
    """Mirror planes beyond the last: of their transforms, which is the same."""
    for place, origin in enumerate(_mirrored(nz, spectrum.shape[0])[nz:], start=nz):
        spectrum[place] = spectrum[int(origin)]


def _mirrored(n: int, padded: int) -> NDArray[np.int64]:
    """Index of the pixel that stands at each place of the continued axis.

    The end is followed by its mirror image, then by that of the start, which follows it.
    """
    more = padded - n
    after = np.minimum(np.arange((more + 1) // 2), n - 1)
    before = np.minimum(np.arange(more // 2), n - 1)
    return np.concatenate([np.arange(n), n - 1 - after, before[::-1]])


def _weigh(columns: torch.Tensor, transfer: Transfer, plan: _Plan, rows: slice) -> torch.Tensor:
    import torch

    nz, ny, nx = plan.padded
    kz = np.fft.fftfreq(nz).astype(np.float32)[:, None, None]
    ky = np.fft.fftfreq(ny).astype(np.float32)[None, rows, None]
    kx = np.fft.rfftfreq(nx).astype(np.float32)[None, None, :]
    weight = np.asarray(transfer(kz, ky, kx))
    weight = weight.astype(np.complex64 if np.iscomplexobj(weight) else np.float32, copy=False)
    spectrum = torch.fft.fft(columns, dim=0)
    spectrum *= torch.from_numpy(np.require(weight, requirements=["C", "W"])).to(columns.device)
    return torch.fft.ifft(spectrum, dim=0)


def _planes_back(
    spectrum: torch.Tensor, plan: _Plan, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    import torch

    planes = torch.fft.irfft2(spectrum, s=plan.padded[1:])
    return planes[:, : shape[1], : shape[2]].cpu().numpy()
