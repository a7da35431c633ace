"""A template from own picks: the average of particles that were put into a tomogram."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_rotation_vector
from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.template import JOB, TemplateParams
from cryopick.model import Grid, Picks
from cryopick.ops.rotate_volume import rotate_volume
from cryopick.run.job import Worker
from cryopick.simulate.maps import load_map

PIXEL = 16.0
SHAPE = (48, 100, 100)
ORIGIN = (8.0, 8.0, 8.0)


def _density():
    return gaussian_filter(load_map("ribosome", PIXEL).density, 0.7)


def _tomogram(path, seed=0, pixel=PIXEL):
    """Six dark ribosomes in noise, and where they are."""
    rng = np.random.default_rng(seed)
    centre = np.array([[x, y, 24] for x in (20, 50, 80) for y in (25, 75)])
    turn = from_rotation_vector(rng.normal(0, 1.5, (6, 3)))
    shift = rng.uniform(-0.5, 0.5, (6, 3))
    particles = rotate_volume(_density(), turn, shift_px=shift, box_px=24)
    volume = rng.normal(0, 0.3, SHAPE).astype(np.float32)
    for (x, y, z), particle in zip(centre, particles, strict=True):
        volume[z - 12 : z + 12, y - 12 : y + 12, x - 12 : x + 12] -= particle
    write_mrc(path, volume, pixel, origin_angstrom=ORIGIN)
    grid = Grid(shape=SHAPE, pixel_size_angstrom=pixel, origin_angstrom=ORIGIN)
    return Picks.of(
        grid.to_angstrom(centre + shift), image=path.stem, orientation=turn, label="ribosome"
    ), grid


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("picks")
    picks, grid = _tomogram(folder / "TS_1.mrc")
    for name, suffix in (("csv", "csv"), ("relion5", "star")):
        write_picks(picks, folder / f"p.{suffix}", Frame(default_grid=grid), name=name)
    return folder


def _run(folder, **fields):
    params = TemplateParams(**fields)
    items = JOB.plan(params)
    for item in items:
        place = folder / "items" / item.id
        place.mkdir(parents=True)
        JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    return JOB.collect(folder, items, params)


def _agreement(volume):
    """Correlation with the particle, in a ball around the centre."""
    n = len(volume)
    true = np.zeros_like(volume)
    density = _density()
    half = len(density) // 2
    part = slice(n // 2 - half, n // 2 - half + len(density))
    true[part, part, part] = density
    z, y, x = np.indices(volume.shape) - n // 2
    ball = x**2 + y**2 + z**2 <= (n // 2 - 2) ** 2
    return np.corrcoef(volume[ball], true[ball])[0, 1]


@pytest.mark.parametrize("file", ["p.csv", "p.star"])
def test_picks_of_any_dialect_become_a_template(made, tmp_path, file):
    outcome = _run(tmp_path, picks=str(made / file), tomograms=[str(made / "TS_1.mrc")], box_px=28)
    image = open_image(tmp_path / outcome.files["average"])
    assert image.grid.pixel_size_angstrom == PIXEL
    assert image.grid.shape == (28, 28, 28)
    assert _agreement(image.read()) < -0.9  # as dark as in the tomogram
    facts = outcome.summary["templates"]["average"]
    assert (facts["particles"], facts["left_out_at_edge"]) == (6, 0)
    assert facts["missing_wedge"] == "not compensated"
    assert (tmp_path / "average_mask.mrc").is_file()


def test_a_label_a_coarser_pixel_and_the_other_contrast(made, tmp_path):
    outcome = _run(
        tmp_path, picks=str(made / "p.csv"), tomograms=[str(made / "TS_1.mrc")], box_px=20,
        pixel_size_angstrom=24.0, label="ribosome", contrast="bright", tilt_range_deg=(-60, 60),
    )  # fmt: skip
    image = open_image(tmp_path / outcome.files["ribosome"])
    assert image.grid.pixel_size_angstrom == 24.0
    facts = outcome.summary["templates"]["ribosome"]
    assert facts["contrast"] == "bright"
    assert facts["missing_wedge"].startswith("divided by how often")
    assert image.read()[10, 10, 10] > 0


def test_two_tomograms_are_averaged_together(made, tmp_path):
    picks, grid = _tomogram(tmp_path / "TS_2.mrc", seed=5)
    write_picks(picks, tmp_path / "q.csv", Frame(default_grid=grid), name="csv")
    both = (made / "p.csv").read_text("utf-8") + "".join(
        (tmp_path / "q.csv").read_text("utf-8").splitlines(keepends=True)[1:]
    )
    (tmp_path / "both.csv").write_text(both, "utf-8")
    outcome = _run(
        tmp_path / "out", picks=str(tmp_path / "both.csv"), box_px=24,
        tomograms=[str(made / "TS_1.mrc"), str(tmp_path / "TS_2.mrc")],
    )  # fmt: skip
    assert outcome.summary["templates"]["average"]["particles"] == 12


def test_picks_without_orientations_are_doubted(made, tmp_path):
    rows = (made / "p.csv").read_text("utf-8").splitlines()
    header = rows[0].split(",")
    keep = [header.index(name) for name in ("image", "x", "y", "z")]
    bare = "\n".join(",".join(row.split(",")[i] for i in keep) for row in rows)
    (tmp_path / "bare.csv").write_text(bare + "\n", "utf-8")
    outcome = _run(
        tmp_path / "out", picks=str(tmp_path / "bare.csv"), particle_diameter_angstrom=290,
        tomograms=[str(made / "TS_1.mrc")],
    )  # fmt: skip
    assert any("no orientations" in line for line in outcome.warnings)
    assert outcome.summary["templates"]["average"]["box_px"] == 30


def test_picks_at_the_edge_are_counted(made, tmp_path):
    outcome = _run(
        tmp_path, picks=str(made / "p.csv"), tomograms=[str(made / "TS_1.mrc")], box_px=44
    )
    facts = outcome.summary["templates"]["average"]
    assert (facts["particles"], facts["left_out_at_edge"]) == (2, 4)
    assert any("leaves the tomogram" in line for line in outcome.warnings)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"tomograms": []}, "--tomograms: is missing"),
        ({"box_px": None}, "--box: is missing"),
        ({"label": "proteasome"}, "no picks of label proteasome"),
        ({"tilt_range_deg": (60, -60)}, "--tilt-range"),
        ({"pixel_size_angstrom": 10.0}, "finer than the 16 Å of the tomograms"),
    ],
)
def test_parameters_that_make_no_sense(made, fields, text):
    given = {
        "picks": str(made / "p.csv"), "tomograms": [str(made / "TS_1.mrc")], "box_px": 24,
    }  # fmt: skip
    with pytest.raises(InputError, match=text):
        JOB.plan(TemplateParams(**(given | fields)))


def test_picks_of_another_tomogram_and_tomograms_of_two_sizes(made, tmp_path):
    _tomogram(tmp_path / "TS_9.mrc", pixel=12.0)
    picks = str(made / "p.csv")
    with pytest.raises(InputError, match="it names TS_1"):
        JOB.plan(TemplateParams(picks=picks, tomograms=[str(tmp_path / "TS_9.mrc")], box_px=24))
    both = [str(tmp_path / "TS_9.mrc"), str(made / "TS_1.mrc")]
    with pytest.raises(InputError, match="pixel sizes from 12 to 16"):
        JOB.plan(TemplateParams(picks=picks, tomograms=both, box_px=24))


def test_a_box_that_no_particle_fits(made, tmp_path):
    with pytest.raises(InputError, match="no particle lies wholly inside"):
        _run(tmp_path, picks=str(made / "p.csv"), tomograms=[str(made / "TS_1.mrc")], box_px=80)
