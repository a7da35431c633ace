"""``cryopick mask cylinder`` as a job."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import open_image
from cryopick.jobs.mask_cylinder import JOB, MaskCylinderParams
from cryopick.ops.masks import cylinder_mask
from cryopick.run.job import Worker


def _run(folder, **fields):
    params = MaskCylinderParams(**fields)
    (item,) = JOB.plan(params)
    place = folder / "items" / item.id
    place.mkdir(parents=True)
    JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    outcome = JOB.collect(folder, [item], params)
    return open_image(folder / outcome.files["mask"]), outcome


def test_radius_and_height(tmp_path):
    expected = cylinder_mask(40, radius_px=6, height_px=20, soft_px=2)
    image, outcome = _run(
        tmp_path, box_px=40, radius_angstrom=60, height_px=20, soft_edge_px=2,
        pixel_size_angstrom=10,
    )  # fmt: skip
    assert np.array_equal(image.read(), expected)
    assert outcome.summary["height_px"] == 20
    assert "cylinder mask of 40 x 40 x 40 px" in outcome.sentence


def test_a_cylinder_through_the_whole_box_is_told(tmp_path):
    _, outcome = _run(tmp_path, box_px=24, radius_px=6, height_px=60, pixel_size_angstrom=10)
    assert any("reaches the edge" in line for line in outcome.warnings)


@pytest.mark.parametrize(("fields", "text"), [({"radius_px": 5}, "--height"),
                                              ({"height_px": 5}, "--radius")])  # fmt: skip
def test_both_lengths_are_needed(fields, text):
    with pytest.raises(InputError, match=f"{text}: is missing"):
        JOB.plan(MaskCylinderParams(box_px=32, **fields))
