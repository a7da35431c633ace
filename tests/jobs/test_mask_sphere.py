"""``cryopick mask sphere`` as a job."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.mask_sphere import JOB, MaskSphereParams
from cryopick.ops.masks import sphere_mask
from cryopick.run.job import Worker


def _run(folder, **fields):
    params = MaskSphereParams(**fields)
    (item,) = JOB.plan(params)
    place = folder / "items" / item.id
    place.mkdir(parents=True)
    JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    outcome = JOB.collect(folder, [item], params)
    return open_image(folder / outcome.files["mask"], pixel_size_angstrom=None), outcome


def test_in_pixels(tmp_path):
    image, outcome = _run(tmp_path, box_px=32, radius_px=9, soft_edge_px=2, pixel_size_angstrom=8)
    assert np.array_equal(image.read(), sphere_mask(32, radius_px=9, soft_px=2))
    assert image.grid.pixel_size_angstrom == 8.0
    assert outcome.summary["kind"] == "sphere"
    assert outcome.warnings == []


def test_in_angstrom_like_a_template(tmp_path):
    write_mrc(tmp_path / "t.mrc", np.ones((30, 30, 30)), 5.0)
    image, _ = _run(
        tmp_path / "out", like=str(tmp_path / "t.mrc"), radius_angstrom=45, soft_edge_angstrom=10
    )
    assert np.array_equal(image.read(), sphere_mask(30, radius_px=9, soft_px=2))
    assert image.grid.pixel_size_angstrom == 5.0


def test_the_edge_is_one_pixel_wide_where_nothing_is_said(tmp_path):
    image, _ = _run(tmp_path, box_px=32, radius_px=9, pixel_size_angstrom=8)
    assert np.array_equal(image.read(), sphere_mask(32, radius_px=9, soft_px=1))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"box_px": 32}, "--radius: is missing"),
        ({"radius_px": 9}, "--box"),
        ({"box_px": 32, "radius_angstrom": 9}, "--pixel-size"),
        ({"box_px": 32, "radius_px": 9, "radius_angstrom": 9}, "not in both"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, text):
    with pytest.raises(InputError, match=text):
        JOB.plan(MaskSphereParams(**fields))
