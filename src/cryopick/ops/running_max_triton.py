"""The product and its running maximum in one CUDA kernel, written in Triton.

The product never leaves the registers: each block of columns goes through all rows and writes one
number per column. Triton comes with torch where there is CUDA; elsewhere nothing here is imported.
"""

from __future__ import annotations

# Triton has no types that pyright could read, and is not installed everywhere.
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    WinningGroups = Callable[[torch.Tensor, torch.Tensor, int, torch.Tensor | None], torch.Tensor]

_ROWS, _COLUMNS, _DEPTH, _WARPS = 128, 128, 32, 8


def winning_groups(
    rows: torch.Tensor, columns: torch.Tensor, group: int, allowed: torch.Tensor | None
) -> torch.Tensor:
    """Find the group of rows that holds the highest product, for each column.

    Products are summed in float32; the lowest row of equals wins.

    Parameters
    ----------
    rows
        ``(groups * group, k)``, of any floating type, on a CUDA device.
    columns
        ``(k, n)``; they are brought to the type of the rows.
    group
        Rows in a group.
    allowed
        ``(groups, n)`` bool: which groups count for a column; None: all.

    Returns
    -------
    Tensor
        ``(n,)`` int64; -1 where nothing is allowed.
    """
    import torch

    right = columns.to(rows.dtype).contiguous()
    n = right.shape[1]
    winner = torch.empty(n, dtype=torch.int32, device=right.device)
    mask = winner if allowed is None else allowed.contiguous().view(torch.uint8)
    blocks = -(-n // _COLUMNS)
    if blocks:
        _kernel()[(blocks,)](
            rows,
            right,
            mask,
            winner,
            n,
            ROWS=rows.shape[0],
            K=rows.shape[1],
            GROUP=group,
            MASKED=allowed is not None,
            TILE_ROWS=_ROWS,
            TILE_COLUMNS=_COLUMNS,
            TILE_K=_DEPTH,
            num_warps=_WARPS,
        )
    return winner.long()


@functools.cache
def _kernel() -> Any:
    import triton
    import triton.language as tl

    # Names in capitals are constants of the compiled kernel, as Triton writes them.
    @triton.jit
    def running_max(  # noqa: ANN202, PLR0917
        rows, columns, allowed, winner, n,  # noqa: ANN001
        ROWS: tl.constexpr, K: tl.constexpr, GROUP: tl.constexpr, MASKED: tl.constexpr,  # noqa: N803
        TILE_ROWS: tl.constexpr, TILE_COLUMNS: tl.constexpr, TILE_K: tl.constexpr,  # noqa: N803
    ):  # fmt: skip
        place = tl.program_id(0).to(tl.int64) * TILE_COLUMNS + tl.arange(0, TILE_COLUMNS)
        inside = place < n
        best = tl.full((TILE_COLUMNS,), float("-inf"), tl.float32)
        best_row = tl.full((TILE_COLUMNS,), -1, tl.int32)
        for first in range(0, ROWS, TILE_ROWS):
            row = first + tl.arange(0, TILE_ROWS)
            product = tl.zeros((TILE_ROWS, TILE_COLUMNS), tl.float32)
            for start in range(0, K, TILE_K):
                depth = start + tl.arange(0, TILE_K)
                left = tl.load(
                    rows + row[:, None] * K + depth[None, :],
                    mask=(row[:, None] < ROWS) & (depth[None, :] < K),
                    other=0.0,
                )
                right = tl.load(
                    columns + depth[:, None].to(tl.int64) * n + place[None, :],
                    mask=(depth[:, None] < K) & inside[None, :],
                    other=0.0,
                )
                product = tl.dot(left, right, product, input_precision="ieee")
            valid = (row[:, None] < ROWS) & inside[None, :]
            if MASKED:
                index = (row[:, None] // GROUP).to(tl.int64) * n + place[None, :]
                valid = valid & (tl.load(allowed + index, mask=valid, other=0) != 0)
            product = tl.where(valid, product, float("-inf"))
            top, at = tl.max(product, axis=0, return_indices=True)
            better = top > best
            best = tl.where(better, top, best)
            best_row = tl.where(better, first + at, best_row)
        # Row -1 stays -1: division would round it up to group 0.
        group = tl.where(best_row < 0, -1, best_row // GROUP)
        tl.store(winner + place, group, mask=inside)

    return running_max
