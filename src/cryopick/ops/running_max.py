"""The best of many rows of a matrix product, for every column, without keeping the product.

Template matching by a rotation bank, 2D reference matching and classification all ask the same
question: of thousands of rows of coefficients, which gives the highest product with this column?
The product is formed tile by tile in low precision, and only the maximum of each group of rows is
kept; the winning group alone is then computed again in float32.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import threading
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryopick.errors import InputError
from cryopick.ops.threads import in_threads

if TYPE_CHECKING:
    import torch

    from cryopick.ops.running_max_triton import WinningGroups

# A tile of the product and its operands stay in the second-level cache of one core.
_TILE_ROWS = 2048
_TILE_COLUMNS = {"cpu": 512, "cuda": 16384}
# Columns whose winning group is the same are computed again in float32 this many at a time.
_EXACT_COLUMNS = 2048
_INT8_TOP = 127.0
# A coarser type must be faster by this factor to be worth its rounding; and a choice so clear does
# not change from run to run.
_WORTH = 1.2
_TRIAL = {"cpu": (2048, 512), "cuda": (8192, 65536)}
_TRIAL_SECONDS = 0.03
_CLOCK_SECONDS = 1e-4


class RowMaximum:
    """Finds, for each column, the row of ``coefficients @ columns`` with the highest value.

    The group of rows that holds the maximum is found in ``dtype``; within it, row and value are
    those of a float32 product. Where two groups differ by less than the rounding of ``dtype``,
    either may win, so the value can fall short of the true maximum by that rounding: about 0.2 %
    (bfloat16) or 2 % (int8) of the root mean square of a column's products. Of equal rows the
    lowest is returned. Columns must be finite.

    One instance may be used by many threads at a time.

    Parameters
    ----------
    coefficients
        ``(rows, k)`` float32.
    dtype
        Of the products: float32, bfloat16, float16 or (CPU only) int8; see
        `choose_dtype`.
    group
        Rows of which one maximum is kept. `of` can forbid whole groups, column by column.
    device
        Torch device; ``coefficients`` are copied there.

    Examples
    --------
    >>> import torch
    >>> best = RowMaximum(torch.tensor([[1.0, 0], [0, 1], [-1, 0]]), dtype=torch.float32)
    >>> best.of(torch.tensor([[2.0, 0, -3], [1, 4, 1]]))
    (tensor([2., 4., 3.]), tensor([0, 1, 2], dtype=torch.int32))
    """

    def __init__(
        self,
        coefficients: torch.Tensor,
        *,
        dtype: torch.dtype,
        group: int = 64,
        device: str = "cpu",
    ) -> None:
        import torch

        if coefficients.ndim != 2 or 0 in coefficients.shape:
            raise InputError(
                f"coefficients: expected (rows, k), neither 0, got {tuple(coefficients.shape)}"
            )
        if group < 1:
            raise InputError(f"group: expected 1 row or more, got {group}")
        _check_dtype(dtype, device)
        self.rows, self.k = coefficients.shape
        self.group = min(group, self.rows)
        self.groups = -(-self.rows // self.group)
        self.device = device
        self._exact = coefficients.detach().to(device=device, dtype=torch.float32).contiguous()
        # The last group is filled up with its last row, which cannot change its maximum.
        index = torch.arange(self.groups * self.group, device=device).clamp_max_(self.rows - 1)
        self._product = _product(self._exact, index, dtype)
        self._fused = _fused_kernel(device, dtype)
        self._buffers = threading.local()

    def of(
        self, columns: torch.Tensor, *, allowed: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Highest value and its row, for each column.

        Parameters
        ----------
        columns
            ``(k, n)``, any floating type, on the same device.
        allowed
            ``(groups, n)`` bool: which groups of rows count for a column; None: all.

        Returns
        -------
        value
            ``(n,)`` float32; 0 where nothing is allowed.
        row
            ``(n,)`` int32; -1 where nothing is allowed.
        """
        import torch

        self._check(columns, allowed)
        value = torch.zeros(columns.shape[1], device=columns.device)
        row = torch.full(value.shape, -1, dtype=torch.int32, device=columns.device)
        winner = self.winning_groups(columns, allowed)
        order = torch.argsort(winner, stable=True)
        # Groups -2 (no positive product) and -1 (nothing allowed) come before the real ones.
        counts = torch.bincount(winner + 2, minlength=self.groups + 2)
        unsure, *ends = counts.cumsum(0).tolist()
        self._unsure(columns, allowed, order[:unsure], value, row)
        for group, (first, last) in enumerate(itertools.pairwise(ends)):
            for start in range(first, last, _EXACT_COLUMNS):
                places = order[start : min(last, start + _EXACT_COLUMNS)]
                rows = slice(group * self.group, (group + 1) * self.group)
                product = self._exact[rows] @ columns.index_select(1, places).float()
                top = product.max(0)
                value[places] = top.values
                row[places] = (top.indices + rows.start).int()
        return value, row

    def winning_groups(
        self, columns: torch.Tensor, allowed: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Group of the highest product, ``(n,)`` int64, to the rounding of the type.

        -1 where nothing is allowed; -2 where no product is above 0, so that it is not known.
        """
        import torch

        if self._fused is not None:
            return self._fused(self._product.rows, columns, self.group, allowed)
        n = columns.shape[1]
        winner = torch.empty(n, dtype=torch.int64, device=columns.device)
        step = _TILE_COLUMNS["cpu" if columns.device.type == "cpu" else "cuda"]
        for start in range(0, n, step):
            part = slice(start, min(n, start + step))
            maxima = self._group_maxima(columns[:, part])
            lowest = torch.iinfo(maxima.dtype).min
            if allowed is not None:
                maxima.masked_fill_(~allowed[:, part], lowest)
            top = maxima.max(0)
            found = top.indices
            if self._product.is_float:
                found.masked_fill_(top.values < 0, -2)
            if allowed is not None:
                found.masked_fill_(~allowed[:, part].any(0), -1)
            winner[part] = found
        return winner

    def _group_maxima(self, columns: torch.Tensor) -> torch.Tensor:
        """Maximum of each group ``(groups, n)``, as integers of the same order where above 0."""
        import torch

        width = columns.shape[1]
        step = max(1, _TILE_ROWS // self.group)
        right = self._product.prepared(columns)
        buffer = self._buffer(min(step, self.groups) * self.group * width)
        maxima = torch.empty((self.groups, width), dtype=self._product.order, device=columns.device)
        for first in range(0, self.groups, step):
            last = min(self.groups, first + step)
            rows = (last - first) * self.group
            out = buffer[: rows * width].view(rows, width)
            self._product.into(out, slice(first * self.group, last * self.group), right)
            # Positive floats sort as their bits do, and integers are compared four times as fast.
            bits = out.view(self._product.order).view(last - first, self.group, width)
            torch.amax(bits, 1, out=maxima[first:last])
        return maxima

    def _unsure(
        self,
        columns: torch.Tensor,
        allowed: torch.Tensor | None,
        places: torch.Tensor,
        value: torch.Tensor,
        row: torch.Tensor,
    ) -> None:
        """Compare all rows in float32 where no product is above 0: bits misorder negatives."""
        for start in range(0, len(places), _EXACT_COLUMNS):
            part = places[start : start + _EXACT_COLUMNS]
            product = self._exact @ columns.index_select(1, part).float()
            if allowed is not None:
                rows = allowed.index_select(1, part).repeat_interleave(self.group, 0)
                product.masked_fill_(~rows[: self.rows], float("-inf"))
            top = product.max(0)
            value[part] = top.values
            row[part] = top.indices.int()

    def _buffer(self, size: int) -> torch.Tensor:
        """Memory for one tile, kept for the next: asking for it anew costs more than its use."""
        import torch

        held: torch.Tensor | None = getattr(self._buffers, "tile", None)
        if held is None or len(held) < size:
            held = torch.empty(size, dtype=self._product.out, device=self.device)
            self._buffers.tile = held
        return held

    def _check(self, columns: torch.Tensor, allowed: torch.Tensor | None) -> None:
        if columns.ndim != 2 or columns.shape[0] != self.k:
            raise InputError(f"columns: expected ({self.k}, n), got {tuple(columns.shape)}")
        if allowed is not None and tuple(allowed.shape) != (self.groups, columns.shape[1]):
            raise InputError(
                f"allowed: expected {(self.groups, columns.shape[1])} (groups of rows, columns), "
                f"got {tuple(allowed.shape)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Product:
    """The left factor in some type, and how to multiply with it."""

    rows: torch.Tensor
    weight: torch.Tensor | None
    out: torch.dtype
    order: torch.dtype

    @property
    def is_float(self) -> bool:
        """Whether the order of negative products is lost."""
        return self.weight is None

    def prepared(self, columns: torch.Tensor) -> torch.Tensor:
        """The right factor; in int8 every column is scaled to its own range."""
        import torch

        if self.weight is None:
            return columns.to(self.rows.dtype).contiguous()
        weighted = columns.float() * self.weight[:, None]
        scale = _INT8_TOP / weighted.abs().amax(0).clamp_min_(1e-30)
        return weighted.mul_(scale).round_().to(torch.int8)

    def into(self, out: torch.Tensor, rows: slice, right: torch.Tensor) -> None:
        """Multiply some rows with the right factor."""
        import torch

        if self.weight is None:
            torch.mm(self.rows[rows], right, out=out)
        else:
            _integer_product(self.rows[rows], right, out)


def _product(exact: torch.Tensor, index: torch.Tensor, dtype: torch.dtype) -> _Product:
    import torch

    if dtype != torch.int8:
        order = torch.int32 if dtype == torch.float32 else torch.int16
        return _Product(rows=exact.to(dtype)[index], weight=None, out=dtype, order=order)
    # Weak components would vanish in eight bits: half of their weakness is moved to the columns.
    weight = exact.square().mean(0).clamp_min_(1e-30).pow_(0.25)
    balanced = exact / weight
    scale = _INT8_TOP / balanced.abs().max().clamp_min_(1e-30)
    rows = balanced.mul_(scale).round_().to(torch.int8)[index]
    return _Product(rows=rows, weight=weight, out=torch.int32, order=torch.int32)


def _integer_product(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> None:
    import torch

    # torch has no public name for it yet; where it is missing, `_types` does not offer int8.
    torch._int_mm(left, right, out=out)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


def _types(device: str) -> list[torch.dtype]:
    """Types of products, the most exact first; int8 has no place on a GPU, bfloat16 is as fast."""
    import torch

    types = [torch.float32, torch.bfloat16, torch.float16]
    if torch.device(device).type == "cpu" and hasattr(torch, "_int_mm"):
        types.append(torch.int8)
    return types


def _check_dtype(dtype: torch.dtype, device: str) -> None:
    known = _types(device)
    if dtype not in known:
        words = ", ".join(str(one).removeprefix("torch.") for one in known)
        raise InputError(f"products on {device}: expected one of {words}, got {dtype}")


@functools.cache
def _fused_kernel(device: str, dtype: torch.dtype) -> WinningGroups | None:
    """The Triton kernel, where it works here: it must agree on a small problem, else None."""
    import torch

    if torch.device(device).type != "cuda" or importlib.util.find_spec("triton") is None:
        return None
    from cryopick.ops.running_max_triton import winning_groups

    generator = torch.Generator().manual_seed(0)
    # Whole numbers: every type and order of summation gives the same products.
    left, right = (torch.randint(-4, 5, (64, 64), generator=generator) for _ in range(2))
    expected = (left @ right).max(0).indices // 8
    try:
        found = winning_groups(left.to(device, dtype), right.to(device, dtype), 8, None)
    except Exception as problem:  # noqa: BLE001 (a compiler may fail in any way; we can do without)
        warnings.warn(f"Triton does not work here ({problem}); a slower way is used", stacklevel=2)
        return None
    return winning_groups if torch.equal(found.cpu(), expected) else None


def choose_dtype(k: int, rows: int, device: str = "cpu") -> torch.dtype:
    """The type in which `RowMaximum` is fastest on this hardware; the most exact of equals.

    Each type is tried once in a process, within a fraction of a second.
    """
    best, *coarser = _types(device)
    for dtype in coarser:
        rate = product_rate(dtype, device, k=k, rows=rows)
        if rate > _WORTH * product_rate(best, device, k=k, rows=rows):
            best = dtype
    return best


def product_rate(
    dtype: torch.dtype, device: str = "cpu", *, k: int = 256, rows: int = 1024
) -> float:
    """Measure how fast `RowMaximum` is: operations per second, ``2 rows k columns`` in all.

    Of one core of the processor, or of the GPU. Measured once in a process, so a forecast of
    ``2 * rows * k * columns / product_rate(...)`` seconds costs nothing. Some ten percent more go
    into the winning groups, in float32.

    Examples
    --------
    >>> import torch
    >>> product_rate(torch.float32) > 1e6
    True
    """
    nearest = 64 * max(1, min(16, round(k / 64)))
    return _measured(dtype, device, nearest, 1 if rows < 512 else 2)


@functools.cache
def _measured(dtype: torch.dtype, device: str, k: int, size: int) -> float:
    import torch

    most, n = _TRIAL["cpu" if torch.device(device).type == "cpu" else "cuda"]
    rows = most // 2 * size
    seconds = in_threads(lambda n: _trial(dtype, device, rows, k, n), [n], cores=1)[0]
    return 2.0 * rows * k * n / seconds


def _trial(dtype: torch.dtype, device: str, rows: int, k: int, n: int) -> float:
    """Seconds of one product, the least of a few."""
    import torch

    generator = torch.Generator().manual_seed(0)
    left = torch.randn(rows, k, generator=generator)
    right = torch.randn(k, n, generator=generator).to(device)
    search = RowMaximum(left, dtype=dtype, device=device)
    # A type that the processor does not know is slow enough to be found out by a small trial.
    timed = _seconds(search, right[:, : n // 8].contiguous()) * 8
    spent = 0.0
    while spent < _TRIAL_SECONDS and timed < 10 * _TRIAL_SECONDS:
        seconds = _seconds(search, right)
        timed, spent = min(timed, seconds), spent + seconds
    return timed


def _seconds(search: RowMaximum, columns: torch.Tensor) -> float:
    import torch

    on_cpu = columns.device.type == "cpu"
    # The processor's time does not count what other programs take; some systems tell it in 1/64 s.
    fine = time.get_clock_info("thread_time").resolution < _CLOCK_SECONDS
    clock = time.thread_time if on_cpu and fine else time.perf_counter
    started = clock()
    search.winning_groups(columns)
    if not on_cpu:
        torch.cuda.synchronize(columns.device)
    return max(clock() - started, 1e-9)
