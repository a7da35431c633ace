"""No micrograph is picked with what was seen in it."""

import numpy as np

from cryopick.io.images import write_mrc
from cryopick.model import Picks
from pick_log_accuracy import ImageSet
from pick_template_real import halves


def test_halves_share_no_image(tmp_path):
    paths = {}
    for name in ("c", "a", "d", "b", "e"):
        paths[name] = tmp_path / f"{name}.mrc"
        write_mrc(paths[name], np.zeros((20, 30), np.float32), 1.0)
    images = ImageSet(
        images=paths,
        truth=Picks.of([[1.0, 1.0]], image="a"),
        pixel_angstrom=1.5,
        diameters_angstrom=(10, 20),
        origin="by hand",
    )
    first, second = halves(images)
    assert list(first.images) == ["a", "c", "e"]
    assert list(second.images) == ["b", "d"]
    assert second.grids["d"].shape == (20, 30)
    assert second.grids["d"].pixel_size_angstrom == 1.5
