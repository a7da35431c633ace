"""What real RELION makes of our classes, and that both mean the same by psi and origin."""

import shutil
import subprocess

import numpy as np
import pytest

from cryopick.geometry.euler import psi_deg_from_quaternion, quaternion_from_psi_deg
from cryopick.geometry.rotation import to_matrix
from cryopick.io.images import open_image, write_mrc
from cryopick.io.metadata.relion_classes import ClassEntry
from cryopick.io.metadata.relion_model_write import (
    ClassModel,
    noise_power_of_white,
    write_class_averages,
    write_model,
)
from cryopick.io.particles import read_particles, write_particle_stack, write_particles
from cryopick.io.star import read_star
from cryopick.jobs.classify import JOB as CLASSIFY
from cryopick.jobs.classify_params import ClassifyParams
from cryopick.model import Particles, Picks
from cryopick.run import run_job

PIXEL, BOX, N = 4.0, 32, 48
BLOBS = np.array([[0, 0, 3, 1], [6, 1, 1.6, 1.2], [-3, 6, 1.5, 0.9], [2, -5, 1.2, 0.8]])
TURN_DEG = (0.0, 60.0, -100.0, 170.0)
CENTRES = np.array([(50, 50), (150, 60), (80, 180), (200, 200)])

pytestmark = pytest.mark.skipif(
    shutil.which("relion_refine") is None, reason="RELION is not installed"
)


def picture(psi_deg=0.0, offset=(0.0, 0.0), *, mirrored=False, box=BOX):
    """A lopsided particle, actively rotated from the template, its centre off that of the box."""
    turn = to_matrix(quaternion_from_psi_deg(psi_deg))[:2, :2]
    y, x = np.mgrid[:box, :box] - box // 2
    image = np.zeros((box, box))
    for bx, by, width, height in BLOBS * ([-1, 1, 1, 1] if mirrored else 1):
        cx, cy = turn @ [bx, by] + offset
        image += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))
    return image


def normalised(images):
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    outside = images[:, x**2 + y**2 > 14**2]
    mean, sd = outside.mean(1)[:, None, None], outside.std(1)[:, None, None]
    return ((images - mean) / sd).astype(np.float32)


def run(folder, words):
    done = subprocess.run(
        words.split(), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Particles of two species in known poses; our tables of particles and of both averages."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    psi = rng.uniform(-180, 180, N)
    offset_px = rng.uniform(-2.5, 2.5, (N, 2))
    mirrored = np.arange(N) % 2 == 1
    clean = [
        picture(p, o, mirrored=bool(m)) for p, o, m in zip(psi, offset_px, mirrored, strict=True)
    ]
    noisy = np.stack(clean) + rng.normal(scale=0.4, size=(N, BOX, BOX))
    write_particle_stack("particles.mrcs", normalised(noisy), PIXEL)
    picks = Picks.of(
        np.tile([100.0, 100.0], (N, 1)),
        image="007",
        orientation=quaternion_from_psi_deg(psi),
        label=np.where(mirrored, "2", "1"),
    )
    truth = Particles(
        picks=picks,
        file=np.full(N, "particles.mrcs"),
        index=np.arange(N),
        pixel_size_angstrom=PIXEL,
        box_px=BOX,
        # What centres the image is the opposite of where the particle lies in it.
        shift_angstrom=-offset_px * PIXEL,
        micrograph_pixel_angstrom=np.full(N, PIXEL),
    )
    write_particles("particles.star", truth)
    averages = np.stack([picture(), picture(mirrored=True)]).astype(np.float32)
    write_mrc("class_averages.mrcs", averages, PIXEL, stack=True)
    entries = tuple(
        ClassEntry(number=k, image=f"{k:06d}@class_averages.mrcs", fraction=0.5) for k in (1, 2)
    )
    write_class_averages("class_averages.star", entries)
    return tmp_path, truth, entries


def refine(folder, more):
    (folder / "R").mkdir(exist_ok=True)
    fixed = "--dont_combine_weights_via_disc --preread_images --pad 2 --j 1 --random_seed 1"
    run(folder, f"relion_refine {fixed} --o R/run {more}")


SEARCH = (
    "--i particles.star --ref class_averages.star --K 2 --iter 1 --tau2_fudge 2 "
    "--particle_diameter 100 --flatten_solvent --zero_mask --oversampling 1 --psi_step 12 "
    "--offset_range 5 --offset_step 2 --norm --scale"
)


def test_relion_finds_our_psi_our_shift_and_our_class(project):
    folder, truth, _ = project
    # RELION is not told the poses: only the references and the images.
    blank = Particles(
        picks=Picks.of(truth.picks.position_angstrom, image="007"),
        file=truth.file,
        index=truth.index,
        pixel_size_angstrom=PIXEL,
        box_px=BOX,
        micrograph_pixel_angstrom=truth.micrograph_pixel_angstrom,
    )
    write_particles("particles.star", blank)
    refine(folder, SEARCH)
    found = read_particles("R/run_it001_data.star")
    truth = truth[found.index]  # RELION sorts as it likes
    psi = psi_deg_from_quaternion(found.picks.orientation)
    known = psi_deg_from_quaternion(truth.picks.orientation)
    off = np.abs((psi - known + 180) % 360 - 180)
    assert np.median(off) < 5
    assert np.mean(off < 15) > 0.85
    assert np.median(np.abs(found.shift_angstrom - truth.shift_angstrom)) < 0.6 * PIXEL
    assert np.mean(found.picks.label == truth.picks.label) > 0.85


def test_relion_aligns_images_by_our_poses(project):
    folder, truth, _ = project
    run(
        folder,
        "relion_stack_create --i particles.star --o aligned --apply_transformation",
    )
    aligned = np.asarray(open_image(folder / "aligned.mrcs").data[...], dtype=np.float64)
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    inside = x**2 + y**2 < 11**2
    for label, mirrored in (("1", False), ("2", True)):
        mean = aligned[truth.picks.label == label].mean(0)
        same = np.corrcoef(mean[inside], picture(mirrored=mirrored)[inside])[0, 1]
        assert same > 0.97


def test_relion_goes_on_from_our_model(project):
    folder, _, entries = project
    refine(folder, SEARCH)
    rings = BOX // 2 + 1
    model = ClassModel(
        entries=entries,
        box_px=BOX,
        pixel_size_angstrom=PIXEL,
        signal_power=np.full((2, rings), 1e-4),
        signal_to_noise=np.tile(np.geomspace(1e3, 1e-3, rings), (2, 1)),
        noise_power=np.full(rings, noise_power_of_white(1.0, BOX)),
        frc=np.zeros((2, rings)),
        regularisation=2.0,
        shift_sd_angstrom=5.0,
        group_sizes={"007.mrc": N},
        optics_groups={"opticsGroup1": N},
    )
    write_model(folder / "R" / "our_model.star", model)
    optimiser = (folder / "R" / "run_it001_optimiser.star").read_text("utf-8")
    (folder / "R" / "our_optimiser.star").write_text(
        optimiser.replace("R/run_it001_model.star", "R/our_model.star"), "utf-8"
    )
    run(folder, "relion_refine --continue R/our_optimiser.star --o R/more --iter 2 --j 1")
    more = read_star(folder / "R" / "more_it002_model.star").block("model_general")
    assert more.value("rlnNrClasses") == "2"
    assert read_particles("R/more_it002_data.star").picks.label is not None


def test_relion_picks_with_our_class_averages(project):
    folder, _, entries = project
    # One of them: between references RELION's figure of merit depends on random numbers.
    write_class_averages("chosen.star", entries[:1])
    rng = np.random.default_rng(5)
    micrograph = rng.normal(scale=0.5, size=(256, 256))
    half = BOX // 2
    for (cx, cy), psi in zip(CENTRES, TURN_DEG, strict=True):
        micrograph[cy - half : cy + half, cx - half : cx + half] += picture(psi)
    write_mrc("007.mrc", micrograph.astype(np.float32), PIXEL)
    (folder / "pick").mkdir()
    run(
        folder,
        "relion_autopick --i 007.mrc --odir pick/ --pickname autopick --ref chosen.star "
        f"--angpix_ref {PIXEL} --angpix {PIXEL} --ang 5 --shrink 1 --particle_diameter 100 "
        "--threshold 0.8 --min_distance 60",
    )
    table = read_star(next(folder.glob("pick/**/*_autopick.star"))).blocks[0]
    xy = np.stack([table.number("rlnCoordinateX"), table.number("rlnCoordinateY")], 1)
    for centre, psi in zip(CENTRES, TURN_DEG, strict=True):
        distance = np.hypot(*(xy - centre).T)
        nearest = distance.argmin()
        assert distance[nearest] < 2
        off = (table.number("rlnAnglePsi")[nearest] - psi + 180) % 360 - 180
        assert abs(off) < 8
        assert table.number("rlnClassNumber")[nearest] == 1


def test_relion_handles_our_tables_and_stacks(project):
    folder, truth, _ = project
    run(folder, "relion_image_handler --i class_averages.mrcs --o low.mrcs --lowpass 20")
    assert len(open_image(folder / "low.mrcs")) == 2
    run(
        folder,
        "relion_star_handler --i particles.star --o second.star --select rlnClassNumber "
        "--minval 2 --maxval 2",
    )
    assert len(read_particles("second.star")) == np.sum(truth.picks.label == "2")


def test_relion_goes_on_from_a_classification_of_ours(project):
    """From our averages RELION finds the classes, angles and shifts that we found."""
    folder, truth, _ = project
    params = ClassifyParams(
        particles="particles.star", classes=2, iterations=8, mask_diameter_angstrom=100.0
    )
    run_job(CLASSIFY, params, folder / "Class2D", workers=1)
    ours = read_particles("Class2D/particles.star")
    first = (folder / "Class2D" / "class_averages.star").read_text("utf-8")
    assert "000001@Class2D/class_averages.mrcs" in first  # as RELION names files: from its project
    refine(
        folder,
        SEARCH.replace("particles.star", "Class2D/run_it008_data.star").replace(
            "class_averages.star", "Class2D/class_averages.star"
        ),
    )
    found = read_particles("R/run_it001_data.star")
    assert len(found) == N
    ours, truth = ours[found.index], truth[found.index]
    same = found.picks.label == ours.picks.label
    assert same.mean() > 0.9
    psi = psi_deg_from_quaternion(found.picks.orientation)
    off = np.abs((psi - psi_deg_from_quaternion(ours.picks.orientation) + 180) % 360 - 180)
    assert np.median(off[same]) < 5
    shift = np.abs(found.shift_angstrom - ours.shift_angstrom)[same]
    assert np.median(shift) < 0.6 * PIXEL
    # Both species have a class of their own, whatever its number.
    species = truth.picks.label == "1"
    assert max(np.mean(species == (ours.picks.label == k)) for k in "12") > 0.9
    # The image moves with the particle, not against it.
    for axis in (0, 1):
        assert np.corrcoef(ours.shift_angstrom[:, axis], truth.shift_angstrom[:, axis])[0, 1] > 0.6


def test_relion_reads_the_model_of_a_classification_of_ours(project):
    folder, _, _ = project
    params = ClassifyParams(
        particles="particles.star", classes=2, iterations=2, mask_diameter_angstrom=100.0
    )
    run_job(CLASSIFY, params, folder / "Class2D", workers=1)
    refine(folder, SEARCH)
    optimiser = (folder / "R" / "run_it001_optimiser.star").read_text("utf-8")
    for name in ("model", "data"):
        assert f"R/run_it001_{name}.star" in optimiser
        optimiser = optimiser.replace(f"R/run_it001_{name}.star", f"Class2D/run_it002_{name}.star")
    (folder / "R" / "our_optimiser.star").write_text(optimiser, "utf-8")
    run(folder, "relion_refine --continue R/our_optimiser.star --o R/more --iter 2 --j 1")
    table = read_star(folder / "R" / "more_it002_model.star").block("model_classes")
    assert sum(table.number("rlnClassDistribution")) == pytest.approx(1, abs=1e-3)
    more = read_particles("R/more_it002_data.star")
    assert len(more) == N
    # What RELION does not know it hands on.
    assert "cryopickClassProbability" in more.picks.extra
