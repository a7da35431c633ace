"""Cutting square boxes out of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest_pixel(place_px: NDArray[np.float64]) -> NDArray[np.int64]:
    """Nearest whole pixel of each place; halves go up.

    Examples
    --------
    >>> nearest_pixel(np.array([[1.5, 2.4], [-0.5, 0.0]]))
    array([[2, 2],
           [0, 0]])
    """
    return np.floor(place_px + 0.5).astype(np.int64)


def overhang_px(
    shape: tuple[int, ...], centre_px: NDArray[np.int64], *, box_px: int
) -> NDArray[np.int64]:
    """By how many pixels each box sticks out of an image, at the edge where it does so most.

    Parameters
    ----------
    shape
        ``(y, x)`` of the image.
    centre_px
        ``(n, 2)``: ``x, y`` of the pixel that becomes pixel ``N // 2`` of the box.
    box_px
        Edge of the boxes. One that sticks out by as much or more holds no pixel of the image.

    Returns
    -------
    ndarray
        ``(n,)``, 0 for a box that lies inside.

    Examples
    --------
    >>> overhang_px((10, 10), np.array([[5, 5], [1, 5], [-2, 5]]), box_px=4)
    array([0, 1, 4])
    """
    first = centre_px - box_px // 2
    past = first + box_px - np.asarray(shape[::-1])
    return np.maximum(np.maximum(-first, past).max(axis=1), 0)


def cut_boxes(
    pixels: NDArray[np.float32], centre_px: NDArray[np.int64], *, box_px: int
) -> NDArray[np.float32]:
    """Cut boxes; pixels beyond the image repeat its nearest edge pixel.

    Parameters
    ----------
    pixels
        ``(y, x)``.
    centre_px
        ``(n, 2)``: ``x, y`` of the pixel that becomes pixel ``N // 2`` of the box.
    box_px
        Edge of the boxes.

    Returns
    -------
    ndarray
        ``(n, box_px, box_px)``.

    Examples
    --------
    >>> ramp = np.arange(25, dtype=np.float32).reshape(5, 5)
    >>> cut_boxes(ramp, np.array([[2, 3]]), box_px=3)[0]
    array([[11., 12., 13.],
           [16., 17., 18.],
           [21., 22., 23.]], dtype=float32)
    """
    boxes = np.empty((len(centre_px), box_px, box_px), dtype=np.float32)
    first = centre_px - box_px // 2
    inside = overhang_px(pixels.shape, centre_px, box_px=box_px) == 0
    steps = np.arange(box_px)
    # A slice copies whole rows: many times faster than an index array for every pixel.
    for row, (x, y) in enumerate(first.tolist()):
        if inside[row]:
            boxes[row] = pixels[y : y + box_px, x : x + box_px]
        else:
            ys = np.clip(y + steps, 0, pixels.shape[0] - 1)
            xs = np.clip(x + steps, 0, pixels.shape[1] - 1)
            boxes[row] = pixels[np.ix_(ys, xs)]
    return boxes


def windowed(boxes: NDArray[np.float32], *, box_px: int) -> NDArray[np.float32]:
    """Cut the middle out of images: pixel ``N // 2`` stays at ``N // 2``.

    Examples
    --------
    >>> windowed(np.arange(25, dtype=np.float32).reshape(1, 5, 5), box_px=2)[0]
    array([[ 6.,  7.],
           [11., 12.]], dtype=float32)
    """
    start = boxes.shape[-1] // 2 - box_px // 2
    return boxes[:, start : start + box_px, start : start + box_px]
