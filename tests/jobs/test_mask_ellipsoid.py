"""``cryopick mask ellipsoid`` as a job."""

import numpy as np
import pytest
from pydantic import ValidationError

from cryopick.errors import InputError
from cryopick.io.images import open_image
from cryopick.jobs.mask_ellipsoid import JOB, MaskEllipsoidParams
from cryopick.ops.masks import ellipsoid_mask
from cryopick.run.job import Worker


def _run(folder, **fields):
    params = MaskEllipsoidParams(**fields)
    (item,) = JOB.plan(params)
    folder.mkdir(exist_ok=True)
    place = folder / "items" / item.id
    place.mkdir(parents=True)
    JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    outcome = JOB.collect(folder, [item], params)
    return open_image(folder / outcome.files["mask"]).read()


def test_radii_along_x_y_z_in_pixels_and_in_angstrom(tmp_path):
    expected = ellipsoid_mask(40, radii_px=(14, 9, 5), soft_px=1.5)
    in_px = _run(
        tmp_path / "px", box_px=40, radii_px=(14, 9, 5), soft_edge_px=1.5, pixel_size_angstrom=4
    )
    in_angstrom = _run(
        tmp_path / "angstrom", box_px=40, radii_angstrom=(56, 36, 20), soft_edge_angstrom=6,
        pixel_size_angstrom=4,
    )  # fmt: skip
    assert np.array_equal(in_px, expected)
    assert np.array_equal(in_angstrom, expected)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "--radii: is missing"),
        ({"radii_angstrom": (9, 9, 9)}, "--pixel-size"),
        ({"radii_angstrom": (9, 9, 9), "radii_px": (9, 9, 9)}, "not in both"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, text):
    with pytest.raises(InputError, match=text):
        JOB.plan(MaskEllipsoidParams(box_px=32, **fields))


def test_three_radii_are_needed():
    with pytest.raises(ValidationError):
        MaskEllipsoidParams(box_px=32, radii_px=(9, 9))


def test_a_radius_of_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="above 0 px"):
        _run(tmp_path, box_px=32, radii_px=(9, 0, 9))
