import io

import numpy as np
import pytest

from cryopick.jobs.gallery import gallery_png


def pixels(png):
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(png)).convert("L")
    return np.asarray(image, dtype=float) / 255


def spots(n, box=32):
    """Image ``i`` has a bright spot in corner ``i % 4``."""
    images = np.zeros((n, box, box), np.float32)
    for i in range(n):
        y, x = (i % 4) // 2 * (box - 8), i % 2 * (box - 8)
        images[i, y : y + 8, x : x + 8] = 10.0 ** (i % 3)
    return images


def test_images_stand_in_rows():
    shown = pixels(gallery_png(spots(4), columns=2, tile_px=100))
    assert abs(shown.shape[0] - shown.shape[1]) <= 2
    half = shown.shape[0] // 2
    tiles = [shown[:half, :half], shown[:half, half:], shown[half:, :half], shown[half:, half:]]
    for i, tile in enumerate(tiles):
        y, x = np.nonzero(tile[: half - 10, : half - 10] > 0.9)
        # The top left pixel of the bright corner, whatever the image's own grey values.
        assert (np.median(y) > half / 2) == (i // 2 == 1)
        assert (np.median(x) > half / 2) == (i % 2 == 1)


def test_captions_make_room_for_themselves():
    plain = pixels(gallery_png(spots(5), columns=5))
    one = pixels(gallery_png(spots(5), columns=5, captions=list("abcde")))
    two = pixels(gallery_png(spots(5), columns=5, captions=["a\nb"] * 5))
    assert plain.shape[1] == one.shape[1] == two.shape[1]
    assert plain.shape[0] < one.shape[0] < two.shape[0]
    below = one[plain.shape[0] :]
    assert below.min() < 0.5 < below.max()


def test_fewer_images_than_columns_fill_the_width():
    assert pixels(gallery_png(spots(2), columns=10)).shape[1] < 250


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_images_without_contrast_are_grey(value):
    shown = pixels(gallery_png(np.full((1, 16, 16), value, np.float32), tile_px=64))
    assert np.allclose(shown[20:40, 20:40], 0.5, atol=0.02)


def test_units_are_drawn_and_not_boxes():
    """A font without a letter draws the same empty box for each that it lacks."""
    one = np.zeros((1, 8, 8), np.float32)
    drawn = {gallery_png(one, captions=[text], tile_px=64) for text in ("Å", "°", "\ue000")}
    assert len(drawn) == 3
