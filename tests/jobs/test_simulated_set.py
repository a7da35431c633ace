"""Simulated sets as a user meets them: read back, imported, looked at, made by many processes."""

import csv
import json

import numpy as np
import pytest

from cryopick.geometry.rotation import rotate
from cryopick.io.images import open_image
from cryopick.io.metadata.relion_tilt_series import read_tilt_series
from cryopick.io.metadata.relion_tomograms import read_tomograms
from cryopick.io.picks.npz import load_picks
from cryopick.jobs import simulate_micrographs, simulate_tomogram
from cryopick.model.sets import SetKind
from cryopick.project.import_relion import import_relion
from cryopick.project.store import create_project
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor

PIXEL = 14.0
TOMOGRAMS = {
    "maps": ["ribosome"],
    "tomograms": 2,
    "particles": 5,
    "vesicles": 0,
    "gold_beads": 3,
    "gold_diameter_angstrom": 110.0,
    "size_px": (81, 72, 41),
    "pixel_size_angstrom": PIXEL,
    "ice_angstrom": 500.0,
    "tilt_step_deg": 6.0,
    "astigmatism_um": 0.3,
    "alignment_error_angstrom": 0.0,
    "texture": 0.02,
}
MICROGRAPHS = {
    "maps": ["ribosome"],
    "micrographs": 2,
    "particles": 6,
    "size_px": (321, 256),
    "pixel_size_angstrom": 5.0,
    "exposure_e_per_a2": 200.0,
    "ice_noise": 0.0,
    "cone_deg": 20.0,
}


def make(module, folder, settings, **how):
    job = module.JOB
    how = how or {"executor": InlineExecutor()}
    return run_job(job, job.params(**settings), folder, device="cpu", seed=3, **how)


@pytest.fixture(scope="module")
def tomograms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "tomo"
    make(simulate_tomogram, folder, TOMOGRAMS)
    return folder


@pytest.fixture(scope="module")
def micrographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "mic"
    make(simulate_micrographs, folder, MICROGRAPHS)
    return folder


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def volume(folder, name):
    return np.asarray(open_image(folder / "tomograms" / f"{name}.mrc").read())


def test_truth_csv_lands_on_dark_matter(tomograms):
    """Pixels of the file, counted from 0 at the centre of the first: no other convention fits."""
    found = rows(tomograms / "truth.csv")
    assert len(found) == 10
    inside, beside = [], []
    for row in found:
        data = volume(tomograms, row["image"].removesuffix(".mrc"))
        x, y, z = (round(float(row[axis])) for axis in "xyz")
        inside.append(data[z - 2 : z + 3, y - 2 : y + 3, x - 2 : x + 3].mean())
        beside.append(data.mean())
    assert np.mean(inside) < np.mean(beside) - 0.5
    assert np.mean(np.asarray(inside) < beside) >= 0.9


def test_gold_is_the_darkest_and_where_it_says(tomograms):
    for name in ("tomo_01", "tomo_02"):
        data = volume(tomograms, name)
        low = np.quantile(data, 0.01)
        beads = [r for r in rows(tomograms / "gold.csv") if r["image"].removesuffix(".mrc") == name]
        assert len(beads) == 3
        for row in beads:
            x, y, z = (round(float(row[axis])) for axis in "xyz")
            assert data[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].mean() < low


def test_the_wedge_of_the_files_is_that_of_their_tilts(tomograms):
    (limit,) = {abs(t) for t in (-60.0, 60.0)}
    power = (np.abs(np.fft.fftn(volume(tomograms, "tomo_01"))) ** 2).sum(axis=1)
    kz, kx = np.meshgrid(np.fft.fftfreq(41), np.fft.fftfreq(81), indexing="ij")
    angle = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx)))
    band = (np.hypot(kz, kx) > 0.12) & (np.hypot(kz, kx) < 0.3)
    inside, outside = band & (angle < limit - 8), band & (angle > limit + 12)
    assert power[outside].mean() < 0.15 * power[inside].mean()


def test_relion_files_agree_with_what_was_asked(tomograms):
    entries = read_tomograms(tomograms / "tomograms.star")
    assert [e.name for e in entries] == ["tomo_01", "tomo_02"]
    for entry in entries:
        assert entry.size_px == TOMOGRAMS["size_px"]
        assert entry.optics.voltage_kv == 300.0
        series = read_tilt_series(
            tomograms / entry.tilt_series_file,
            pixel_size_angstrom=entry.tilt_series_pixel_angstrom,
            optics=entry.optics,
            handedness=entry.handedness,
        )
        assert len(series) == 21
        np.testing.assert_allclose(series.defocus_u_um - series.defocus_v_um, 0.3, atol=1e-3)
        first = int(np.argmin(series.exposure_e_per_a2))
        assert series.tilt_deg[first] == 0
        # Each image path starts with its place in the stack, which is there.
        place, path = series.image[4].split("@")
        assert int(place) == 5
        stack = open_image(tomograms / path)
        assert len(stack) == len(series)
        assert stack.data.shape[1:] == (72, 81)


def test_a_project_takes_the_tomograms_as_from_relion(tomograms, tmp_path):
    with create_project(tmp_path / "p") as project:
        done = import_relion(project, tomograms / "tomograms.star")
        sets = {d.kind: d for d in done.datasets}
        taken = sets[SetKind.TOMOGRAMS]
        assert [m.name for m in taken.members] == ["tomo_01", "tomo_02"]
        assert taken.members[0].size_px == (81, 72, 41)
        assert taken.pixel_size_angstrom == pytest.approx(PIXEL)
        assert all(project.resolve(m.path).is_file() for m in taken.members)


def test_a_project_takes_the_micrographs_as_from_relion(micrographs, tmp_path):
    with create_project(tmp_path / "p") as project:
        done = import_relion(project, micrographs / "micrographs.star")
        (taken,) = (d for d in done.datasets if d.kind == SetKind.MICROGRAPHS)
        facts = json.loads((micrographs / "summary.json").read_text())["images"]
        for member in taken.members:
            assert member.defocus.u_um == pytest.approx(
                facts[member.name]["defocus_u_um"], abs=1e-4
            )
            assert project.resolve(member.path).is_file()


def test_truth_csv_of_micrographs_lands_on_dark_matter(micrographs):
    for row in rows(micrographs / "truth.csv"):
        name = row["image"].removesuffix(".mrc")
        data = np.asarray(open_image(micrographs / "micrographs" / f"{name}.mrc").read())
        y, x = np.indices(data.shape)
        disc = np.hypot(x - float(row["x"]), y - float(row["y"])) < 14
        assert data[disc].mean() < np.median(data)


def test_preferred_views_hold_in_the_truth(micrographs):
    for name in ("mic_01", "mic_02"):
        truth = load_picks(micrographs / "items" / name / "truth.npz")
        height = rotate(truth.orientation, np.array([0.0, 0, 1]))[:, 2]
        assert height.min() >= np.cos(np.deg2rad(20.0)) - 1e-9


def test_tomograms_of_one_set_differ(tomograms):
    one, two = (load_picks(tomograms / "items" / f"tomo_0{i}" / "truth.npz") for i in (1, 2))
    assert not np.array_equal(one.position_angstrom, two.position_angstrom)
    assert not np.array_equal(volume(tomograms, "tomo_01"), volume(tomograms, "tomo_02"))


def test_worker_processes_make_the_same_tomograms(tomograms, tmp_path):
    make(simulate_tomogram, tmp_path / "again", TOMOGRAMS, workers=2)
    for name in ("truth.csv", "gold.csv", "truth.star", "tilts/tomo_02.star"):
        assert (tmp_path / "again" / name).read_text() == (tomograms / name).read_text()
    for name in ("tomo_01", "tomo_02"):
        np.testing.assert_allclose(
            volume(tmp_path / "again", name), volume(tomograms, name), atol=1e-3
        )
        one, two = (
            np.asarray(open_image(f / "tilts" / f"{name}.mrcs").data[...])
            for f in (tmp_path / "again", tomograms)
        )
        np.testing.assert_allclose(one, two, rtol=1e-4)


def test_one_more_tomogram_leaves_the_first_as_they_were(tomograms, tmp_path):
    """Each item has its own seed: a larger set begins with the smaller one."""
    make(simulate_tomogram, tmp_path / "one", {**TOMOGRAMS, "tomograms": 1})
    np.testing.assert_array_equal(volume(tmp_path / "one", "tomo_01"), volume(tomograms, "tomo_01"))


def test_filaments_keep_their_ids_and_both_polarities_on_disk(tmp_path):
    settings = {
        **TOMOGRAMS, "maps": [], "gold_beads": 0, "tomograms": 1, "filaments": 6,
        "filament_length_angstrom": 500.0, "tilt_step_deg": 60.0, "size_px": (120, 120, 40),
    }  # fmt: skip
    make(simulate_tomogram, tmp_path / "job", settings)
    truth = load_picks(tmp_path / "job" / "items" / "tomo_01" / "truth.npz")
    ids = sorted(set(truth.group))
    assert (
        ids
        == json.loads((tmp_path / "job" / "summary.json").read_text())["images"]["tomo_01"][
            "filaments"
        ]
    )
    assert len(ids) >= 3
    ways = []
    for name in ids:
        part = truth[truth.group == name]
        step = np.diff(part.position_angstrom, axis=0)
        axis = rotate(part.orientation, np.array([0.0, 0, 1]))
        assert np.all((axis[1:] * step).sum(axis=1) > 0.99 * np.linalg.norm(step, axis=1))
        ways.append(axis[0])
    assert len({tuple(np.sign(w[:2])) for w in ways}) >= 2
