"""The large file of the benchmark, and how a figure is held against its limit."""

import numpy as np

from command_speed import against, write_large_mrc
from cryopick.io.images import open_image


def test_large_mrc_is_a_volume_of_that_size(tmp_path):
    path = tmp_path / "large.mrc"
    write_large_mrc(path, 3)
    image = open_image(path)
    assert image.grid.shape == (3, 1024, 1024)
    assert image.grid.pixel_size_angstrom == 1.5
    assert path.stat().st_size == 1024 + 3 * 4 * 1024**2
    first, second = (np.asarray(image.data[z]) for z in (0, 1))
    np.testing.assert_array_equal(np.roll(first, 1, axis=1), second)


def test_a_missed_limit_is_said_aloud():
    assert against("help", 0.39, 0.4, "s").endswith("kept")
    assert against("help", 0.4, 0.4, "s").endswith("MISSED")
    assert "0.41 s" in against("help", 0.41, 0.4, "s")
