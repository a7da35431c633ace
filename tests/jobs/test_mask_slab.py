"""``cryopick mask slab`` as a job: thickness, masks, clicked points."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.planes import Plane
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.mask_slab import JOB, MaskSlabParams
from cryopick.run.job import Worker

SHAPE = (64, 72, 80)
BOTTOM, TOP = Plane(a=0.05, b=0, c=16), Plane(a=0.05, b=0, c=44)


def _tomogram(path, low=16.0, high=44.0):
    rng = np.random.default_rng(0)
    z, _, x = np.indices(SHAPE)
    inside = (z >= low + 0.05 * x) & (z <= high + 0.05 * x)
    volume = 7 + rng.normal(0, 1, SHAPE) * np.where(inside, 2.5, 1.0)
    write_mrc(path, volume.astype(np.float32), 10.0, origin_angstrom=(3.0, 4.0, 5.0))
    return path


@pytest.fixture(scope="module")
def tomogram(tmp_path_factory):
    return _tomogram(tmp_path_factory.mktemp("slab") / "TS_007.mrc")


def _run(folder, tomograms, **fields):
    params = MaskSlabParams(tomograms=[str(t) for t in tomograms], **fields)
    items = JOB.plan(params)
    for item in items:
        place = folder / "items" / item.id
        place.mkdir(parents=True)
        JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    return JOB.collect(folder, items, params)


def test_the_mask_and_its_header(tomogram, tmp_path):
    outcome = _run(tmp_path, [tomogram], box_size_angstrom=80)
    image = open_image(tmp_path / outcome.files["TS_007 masks"])
    assert image.data.dtype == np.int8
    assert image.grid == open_image(tomogram).grid
    assert image.name == "TS_007"
    mask = image.read()
    z, y, x = np.indices(SHAPE)
    true = (z >= BOTTOM.height(x, y)) & (z <= TOP.height(x, y))
    assert np.mean((mask > 0) == true) > 0.92
    facts = outcome.summary["tomograms"]["TS_007"]
    assert facts["thickness_angstrom"] == pytest.approx(280, abs=50)
    assert facts["share_inside"] == pytest.approx(mask.mean(), abs=1e-3)
    assert "TS_007: " in outcome.sentence
    assert "Å" in outcome.sentence
    assert outcome.plots[0].svg.startswith("<svg")
    assert f"--mask-dir {tmp_path / 'masks'}" in outcome.next_command


def test_offset_and_border(tomogram, tmp_path):
    plain = _run(tmp_path / "a", [tomogram], box_size_angstrom=80)
    wide = _run(
        tmp_path / "b", [tomogram], box_size_angstrom=80, offset_angstrom=50, border_angstrom=80
    )
    first, second = (o.summary["tomograms"]["TS_007"]["thickness_angstrom"] for o in (plain, wide))
    assert second == pytest.approx(first + 100, abs=0.2)
    mask = open_image(tmp_path / "b" / wide.files["TS_007 masks"]).read()
    assert mask[:, :8].max() == mask[:, -8:].max() == 0
    assert mask[:, :, :8].max() == mask[:, :, -8:].max() == 0
    assert mask[32, 8:-8, 8:-8].min() == 1
    with pytest.raises(InputError, match="leave nothing"):
        _run(tmp_path / "c", [tomogram], box_size_angstrom=80, offset_angstrom=-400)


def test_measuring_writes_no_mask(tomogram, tmp_path):
    outcome = _run(tmp_path, [tomogram], box_size_angstrom=80, measure=True)
    assert outcome.files == {}
    assert list(tmp_path.rglob("*.mrc")) == []
    assert 230 < outcome.summary["tomograms"]["TS_007"]["thickness_angstrom"] < 330


def test_the_masked_tomogram_has_its_mean_outside(tomogram, tmp_path):
    outcome = _run(tmp_path, [tomogram], box_size_angstrom=80, output_masked=True)
    mask = open_image(tmp_path / outcome.files["TS_007 masks"]).read() > 0
    masked = open_image(tmp_path / outcome.files["TS_007 masked"])
    volume = open_image(tomogram).read()
    assert masked.name == "TS_007"
    assert np.array_equal(masked.read()[mask], volume[mask])
    outside = np.unique(masked.read()[~mask])
    assert len(outside) == 1
    assert outside[0] == pytest.approx(volume.mean(), abs=0.1)


def test_one_plane_and_a_thickness(tomogram, tmp_path):
    given = _run(
        tmp_path / "a", [tomogram], box_size_angstrom=80, simple=True, thickness_angstrom=200
    )
    half = _run(tmp_path / "b", [tomogram], box_size_angstrom=80, simple=True)
    assert given.summary["tomograms"]["TS_007"]["thickness_angstrom"] == pytest.approx(200)
    assert half.summary["tomograms"]["TS_007"]["thickness_angstrom"] == pytest.approx(320)


def _clicks(path, name="TS_007", slices=(5, 35, 65)):
    rows = [
        f"{name},{x},{y},{plane.height(x, y)}"
        for y in slices for plane in (TOP, BOTTOM) for x in (4, 70)
    ]  # fmt: skip
    path.write_text("image,x,y,z\n" + "\n".join(rows) + "\n", "utf-8")
    return str(path)


def test_clicked_points(tomogram, tmp_path):
    points = _clicks(tmp_path / "points.csv")
    outcome = _run(tmp_path / "out", [tomogram], points=points)
    facts = outcome.summary["tomograms"]["TS_007"]
    assert facts["thickness_angstrom"] == pytest.approx(280 / np.sqrt(1 + 0.05**2), abs=0.2)
    assert facts["variance_ratio"] is None
    mask = open_image(tmp_path / "out" / outcome.files["TS_007 masks"]).read()
    z, y, x = np.indices(SHAPE)
    true = (z >= BOTTOM.height(x, y) - 1e-6) & (z <= TOP.height(x, y) + 1e-6)
    assert np.mean((mask > 0) == true) > 0.999


def test_bare_points_are_of_the_only_tomogram(tomogram, tmp_path):
    rows = [
        f"{x} {y} {plane.height(x, y)}"
        for y in (5, 35, 65) for plane in (BOTTOM, TOP) for x in (4, 70)
    ]  # fmt: skip
    (tmp_path / "clicks.txt").write_text("\n".join(rows) + "\n", "utf-8")
    outcome = _run(
        tmp_path / "out", [tomogram], points=str(tmp_path / "clicks.txt"), output_masked=True
    )
    facts = outcome.summary["tomograms"]["TS_007"]
    assert facts["thickness_angstrom"] == pytest.approx(279.7, abs=0.2)
    assert "TS_007 masked" in outcome.files


def test_each_tomogram_has_its_own_points(tomogram, tmp_path):
    other = _tomogram(tmp_path / "TS_008.mrc")
    points = _clicks(tmp_path / "points.csv")
    with pytest.raises(InputError, match="0 points of tomogram TS_008; expected sets of 4"):
        _run(tmp_path / "out", [tomogram, other], points=points)


def test_two_tomograms_of_different_thickness(tomogram, tmp_path):
    thin = _tomogram(tmp_path / "TS_008.mrc", low=20, high=34)
    outcome = _run(tmp_path / "out", [tomogram, thin], box_size_angstrom=80, measure=True)
    thick, thin = (
        outcome.summary["tomograms"][name]["thickness_angstrom"] for name in ("TS_007", "TS_008")
    )
    assert thick > thin + 80
    assert len(outcome.plots) == 2


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"simple": True, "points": "a.txt"}, "either --simple or --points"),
        ({"thickness_angstrom": 100}, "goes with --simple"),
        ({"measure": True, "output_masked": True}, "either --measure or --output-masked"),
    ],
)
def test_parameters_that_make_no_sense(tomogram, fields, text):
    with pytest.raises(InputError, match=text):
        JOB.plan(MaskSlabParams(tomograms=[str(tomogram)], **fields))


def test_a_micrograph_is_no_tomogram(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.ones((8, 8)), 2.0)
    with pytest.raises(InputError, match="expected a tomogram"):
        JOB.plan(MaskSlabParams(tomograms=[str(tmp_path / "a.mrc")]))
