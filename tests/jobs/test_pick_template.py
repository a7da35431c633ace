"""``pick template`` as a job: from micrographs and references to picks, and what it refuses."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.errors import InputError, MissingFileError
from cryopick.geometry.euler import psi_deg_from_quaternion
from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.candidates import JOB as CANDIDATES
from cryopick.jobs.candidates import CandidatesParams
from cryopick.jobs.pick_template import JOB, plan
from cryopick.jobs.pick_template_params import PickTemplateParams
from cryopick.model import Grid
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from toy_merit import BARS, DIAMETER, DISCS, PIXEL, SHAPE, micrograph, references, write_set

GRID = Grid(shape=SHAPE, pixel_size_angstrom=PIXEL)
FAST = {"angular_step_deg": 30.0, "particle_diameter_angstrom": DIAMETER, "threshold": 0.45}


@pytest.fixture
def micrographs(tmp_path):
    write_set(tmp_path / "mics", ctf=True)
    return tmp_path


def params(folder, **changes):
    fields = {"micrographs": [str(folder / "mics")], "references": str(folder / "references.mrcs")}
    return PickTemplateParams(**(fields | FAST | changes))


def run(folder, out="out", **changes):
    outcome = run_job(JOB, params(folder, **changes), folder / out, executor=InlineExecutor())
    summary = json.loads((folder / out / "summary.json").read_text())
    return outcome, summary


def picks_of(folder, name="picks.star"):
    return read_picks(folder / name, Frame(default_grid=GRID)).picks


def distances(picks, centres):
    place = np.array(centres) * PIXEL
    return np.linalg.norm(picks.position_angstrom[:, None] - place[None], axis=2).min(axis=0)


def test_every_particle_is_found_with_its_reference_and_angle(micrographs):
    outcome, summary = run(micrographs)
    assert outcome.sentence == "16 picks from 2 micrographs"
    assert summary["picks_per_image"] == {"007": 8, "1e5": 8}
    for name in ("007", "1e5"):
        picks = picks_of(micrographs / "out")
        picks = picks[picks.image == name]
        assert distances(picks, DISCS + BARS).max() < 8
        bars = picks[distances_to(picks, BARS) < 8]
        assert bars.label.tolist() == ["2"] * 3
        psi = psi_deg_from_quaternion(bars.orientation) % 180
        assert np.minimum(psi, 180 - psi).max() < 1
        # Of a disc the bar explains less, but a larger share of what it expects: either may win.
        assert set(picks.label) <= {"1", "2"}


def distances_to(picks, centres):
    place = np.array(centres) * PIXEL
    return np.linalg.norm(picks.position_angstrom[:, None] - place[None], axis=2).min(axis=1)


def test_the_driver_imports_no_large_library(micrographs):
    """Starting up takes longer than a few micrographs: what only workers need is left to them."""
    words = [
        "pick", "template", str(micrographs / "mics"), "--references",
        str(micrographs / "references.mrcs"), "--particle-diameter", f"{DIAMETER:g}",
        "--angular-step", "30", "--ctf", str(micrographs / "ctf.star"), "--workers", "1",
        "-o", str(micrographs / "out"),
    ]  # fmt: skip
    code = (
        "import sys; from cryopick.cli.main import main; code = main(sys.argv[1:]); "
        "large = {'torch', 'scipy', 'matplotlib', 'pandas'} & set(sys.modules); "
        "sys.exit(f'{code} {large}' if code or large else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (micrographs / "out" / "picks.star").is_file()


def test_what_is_left_in_the_folder(micrographs):
    outcome, summary = run(micrographs)
    place = micrographs / "out" / "items" / "007"
    scores, angles = open_image(place / "scores.mrc"), open_image(place / "angles.mrc")
    assert scores.grid.shape == angles.grid.shape
    assert scores.grid.pixel_size_angstrom == pytest.approx(10, rel=0.1)
    assert (place / "pool.npz").is_file()
    assert summary["threshold"] == 0.45
    assert summary["threshold_rule"] == "given"
    assert set(summary["estimated_precision_per_image"]) == {"007", "1e5"}
    assert summary["discarded"]["below threshold"] > 0
    assert {plot.title for plot in outcome.plots} >= {
        "Scores", "First image", "Picks of each micrograph",
    }  # fmt: skip
    words = shlex.split(outcome.next_command)
    assert words[:4] == ["cryopick", "extract", "particles", str(micrographs / "out/picks.star")]


@pytest.mark.parametrize(("keep", "sections"), [("none", None), ("best", (1,)), ("each", (2,))])
def test_maps_that_are_kept(micrographs, keep, sections):
    run(micrographs, micrographs=[str(micrographs / "mics" / "007.mrc")], keep_maps=keep)
    path = micrographs / "out" / "items" / "007" / "scores.mrc"
    assert path.is_file() == (sections is not None)
    if sections:
        shape = open_image(path).data.shape
        assert (shape[0] if len(shape) == 3 else 1) == sections[0]


def test_suppression_of_relion(micrographs):
    run(micrographs, suppression="relion", min_distance_angstrom=80.0, keep_maps="each")
    picks = picks_of(micrographs / "out")
    first = picks[picks.image == "007"]
    assert distances(first, DISCS).max() < 15
    _, summary = run(micrographs, "default", suppression="relion", threshold=None)
    assert summary["threshold"] == 0.05
    assert any("RELION's own" in line for line in summary["warnings"])


def test_the_ctf_of_each_micrograph_is_used(micrographs):
    _, plain = run(micrographs)
    _, with_ctf = run(micrographs, "ctf", ctf=str(micrographs / "ctf.star"), threshold=0.0)
    assert with_ctf["defocus_um"] == {"007": 1.0, "1e5": 1.5}
    assert plain["defocus_um"] == {"007": None, "1e5": None}
    one = open_image(micrographs / "out" / "items" / "007" / "scores.mrc").read()
    other = open_image(micrographs / "ctf" / "items" / "007" / "scores.mrc").read()
    assert not np.allclose(one, other, atol=0.05)
    _, normal = run(
        micrographs, "n", ctf=str(micrographs / "ctf.star"), threshold=0.0, normalise_scores=True
    )
    assert "trend_of_background" in normal


def test_masks_and_contamination(micrographs):
    inside = np.ones(SHAPE, np.int8)
    inside[:, :100] = 0
    write_mrc(micrographs / "mask.mrc", inside, PIXEL, dtype="int8")
    run(micrographs, mask=[str(micrographs / "mask.mrc")])
    picks = picks_of(micrographs / "out")
    assert picks.position_angstrom[:, 0].min() > 99 * PIXEL
    assert 6 <= len(picks) <= 10
    pixels = micrograph()
    pixels[120:170, 20:80] -= 25.0
    write_mrc(micrographs / "mics" / "007.mrc", pixels, PIXEL)
    run(micrographs, "clean", reject_contamination=True)
    picks = picks_of(micrographs / "clean")
    picks = picks[picks.image == "007"]
    inner = (np.abs(picks.position_angstrom - [50 * PIXEL, 145 * PIXEL]) < [150, 125]).all(axis=1)
    assert not inner.any()
    assert (micrographs / "clean" / "items" / "007" / "mask.mrc").is_file()


def test_nothing_is_picked_in_margins_that_repeat_a_row(micrographs):
    """Here and in what `candidates` makes of it."""
    for name in ("007", "1e5"):
        pixels = micrograph()
        pixels[:20] = pixels[22]
        pixels[:20, 120:160] -= 4.0
        write_mrc(micrographs / "mics" / f"{name}.mrc", pixels, PIXEL)
    _, summary = run(micrographs, threshold=-9.0, border_angstrom=0.0)
    assert picks_of(micrographs / "out").position_angstrom[:, 1].min() > 18 * PIXEL
    assert summary["discarded"]["outside mask"] > 2
    asked = CandidatesParams(job=str(micrographs / "out"), threshold=-8.0)
    run_job(CANDIDATES, asked, micrographs / "again", executor=InlineExecutor())
    assert picks_of(micrographs / "again").position_angstrom[:, 1].min() > 18 * PIXEL


def test_candidates_finds_what_the_job_would_have_found(micrographs):
    inside = np.ones(SHAPE, np.int8)
    inside[:, :100] = 0
    write_mrc(micrographs / "mask.mrc", inside, PIXEL, dtype="int8")
    rules = {"mask": [str(micrographs / "mask.mrc")], "threshold": 0.6, "max_noise_sd": 1.3}
    run(micrographs, "direct", **rules, min_distance_angstrom=150.0)
    run(micrographs, "plain")
    again = CandidatesParams(job=str(micrographs / "plain"), **rules, min_distance_angstrom=150.0)
    run_job(CANDIDATES, again, micrographs / "again", executor=InlineExecutor())
    direct, later = (micrographs / name / "picks.star" for name in ("direct", "again"))
    assert direct.read_text() == later.read_text()
    assert len(picks_of(micrographs / "again")) > 3


def test_a_gaussian_finds_discs(micrographs):
    run(micrographs, references="gauss", gauss_peak=1.0, threshold=0.3)
    picks = picks_of(micrographs / "out")
    assert distances(picks[picks.image == "007"], DISCS).max() < 12


def test_bright_particles_and_dark_references(micrographs):
    for name in ("007", "1e5"):
        image = open_image(micrographs / "mics" / f"{name}.mrc").read()
        write_mrc(micrographs / "mics" / f"{name}.mrc", -image, PIXEL)
    write_mrc(micrographs / "references.mrcs", -references(), PIXEL, stack=True)
    outcome, _ = run(micrographs, particle_contrast="bright", reference_contrast="dark")
    assert outcome.sentence == "16 picks from 2 micrographs"


def test_the_pixel_size_of_the_ctf_star_stands_in_for_a_silent_header(micrographs):
    for name in ("007", "1e5"):
        write_mrc(micrographs / "mics" / f"{name}.mrc", micrograph(), 1.0)
        path = micrographs / "mics" / f"{name}.mrc"
        header = bytearray(path.read_bytes())
        header[40:52] = bytes(12)  # no cell
        path.write_bytes(header)
    items = plan(params(micrographs, ctf=str(micrographs / "ctf.star")))
    assert items[0].inputs["pixel_size_angstrom"] == PIXEL
    with pytest.raises(InputError, match="pixel size is not known"):
        plan(params(micrographs))


def test_the_plan_forecasts_more_for_more(micrographs):
    one = plan(params(micrographs))[0]
    finer = plan(params(micrographs, angular_step_deg=1.0))[0]
    exact = plan(params(micrographs, engine="exact"))[0]
    assert finer.cost.seconds > one.cost.seconds
    assert exact.cost.seconds > one.cost.seconds
    assert one.cost.memory_bytes > 100_000_000


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fdr": 0.05}, "--threshold and --fdr"),
        ({"normalise_scores": True}, "give --ctf"),
        ({"suppression": "relion", "fdr": 0.1, "threshold": None}, "--fdr: goes with"),
        (
            {"suppression": "relion", "normalise_scores": True},
            "goes with --suppression keep-better",
        ),
        ({"references": "gauss", "particle_diameter_angstrom": None}, "--particle-diameter"),
        ({"low_pass_angstrom": 50.0, "high_pass_angstrom": 40.0}, "nothing lies between"),
    ],
)
def test_what_makes_no_sense_stops_the_plan(micrographs, changes, text):
    with pytest.raises(InputError, match=text):
        plan(params(micrographs, **changes))


def test_files_that_are_missing_or_of_another_kind(micrographs):
    with pytest.raises(MissingFileError):
        plan(params(micrographs, references="none.mrcs"))
    with pytest.raises(InputError, match="no entry of micrograph 007"):
        (micrographs / "x_ctf.txt").write_text("1 10000 10000 0 0 0.1 5\n")
        plan(params(micrographs, ctf=str(micrographs / "*_ctf.txt")))
    write_mrc(micrographs / "v.mrc", np.ones((4, 30, 30)), PIXEL)
    with pytest.raises(InputError, match="is a volume"):
        plan(params(micrographs, micrographs=[str(micrographs / "v.mrc")]))


def test_an_empty_micrograph_has_no_picks(micrographs):
    for name in ("007", "1e5"):
        write_mrc(micrographs / "mics" / f"{name}.mrc", np.zeros(SHAPE), PIXEL)
    outcome, summary = run(micrographs, threshold=None)
    assert outcome.sentence == "0 picks from 2 micrographs"
    assert any("no picks in 007" in line for line in summary["warnings"])


def test_from_the_command_line(micrographs, capsys):
    words = ["pick", "template", str(micrographs / "mics"), "--references"]
    words += [str(micrographs / "references.mrcs"), "--pixel-size-references", "5"]
    words += ["--angular-step", "60", "--threshold", "0.4", "--min-distance", "90", "--dry-run"]
    assert main([*words, "--particle-diameter", "120", "-o", str(micrographs / "out")]) == 0
    assert "2 items" in capsys.readouterr().out
