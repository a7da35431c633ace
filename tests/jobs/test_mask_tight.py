"""``cryopick mask tight`` as a job."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from cryopick.cli.main import main
from cryopick.errors import InputError
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.mask_tight import JOB, MaskTightParams
from cryopick.ops.masks import tight_mask
from cryopick.run.job import Worker


@pytest.fixture
def path(tmp_path):
    volume = np.zeros((36, 40, 44), np.float32)
    volume[12:20, 14:26, 16:30] = 2.0
    write_mrc(tmp_path / "map.mrc", gaussian_filter(volume, 1), 4.0)
    return tmp_path / "map.mrc"


def _run(folder, **fields):
    params = MaskTightParams(**fields)
    (item,) = JOB.plan(params)
    folder.mkdir(exist_ok=True)
    place = folder / "items" / item.id
    place.mkdir(parents=True)
    JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    return JOB.collect(folder, [item], params)


def test_the_lengths_are_in_angstrom(path, tmp_path):
    outcome = _run(
        tmp_path / "out", map=str(path), threshold=1.0, extend_angstrom=8, soft_edge_angstrom=12
    )
    image = open_image(tmp_path / "out" / outcome.files["mask"])
    volume = open_image(path).read()
    assert np.array_equal(image.read(), tight_mask(volume, threshold=1.0, extend_px=2, soft_px=3))
    assert image.grid == open_image(path).grid
    assert outcome.summary["threshold"] == 1.0


def test_the_threshold_is_found_and_told(path, tmp_path):
    outcome = _run(tmp_path / "out", map=str(path))
    assert 0.5 < outcome.summary["threshold"] < 1.5
    assert outcome.summary["extend_px"] == 3.0
    assert outcome.summary["soft_px"] == 6.0


def test_a_dark_map_has_the_same_mask(path, tmp_path):
    volume = open_image(path).read()
    write_mrc(tmp_path / "dark.mrc", -volume, 4.0)
    masks = [
        open_image(tmp_path / name / _run(tmp_path / name, map=str(given)).files["mask"]).read()
        for name, given in (("a", path), ("b", tmp_path / "dark.mrc"))
    ]
    assert np.array_equal(*masks)


def test_a_low_pass_rounds_the_mask(path, tmp_path):
    plain = _run(tmp_path / "a", map=str(path), threshold=0.5)
    smooth = _run(tmp_path / "b", map=str(path), threshold=0.5, low_pass_angstrom=40)
    assert smooth.summary["voxels_inside"] != plain.summary["voxels_inside"]


def test_the_threshold_is_a_word_or_a_number(path, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["mask", "tight", "--map", str(path), "--threshold", "0.8", "-o", out]) == 0
    assert "tight mask of 44 x 40 x 36 px" in capsys.readouterr().out
    with pytest.raises(ValidationError):
        MaskTightParams(map=str(path), threshold="half")


def test_a_threshold_above_the_map_is_refused(path, tmp_path):
    with pytest.raises(InputError, match="give a lower threshold"):
        _run(tmp_path / "out", map=str(path), threshold=50.0)
