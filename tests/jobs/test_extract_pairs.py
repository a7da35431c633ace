"""``extract pairs`` from outside: equal rows, values, CTF per side, other micrographs, errors."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryopick.errors import CryopickError, InputError
from cryopick.extract.particles import extract_particles
from cryopick.io.images import open_image, write_mrc
from cryopick.io.particles import read_particle_images, read_particles
from cryopick.io.star import read_star
from cryopick.jobs.extract_pairs import JOB, ExtractPairsParams, plan
from cryopick.jobs.extract_pairs_params import settings_of
from cryopick.jobs.pairs_fit import JOB as FIT
from cryopick.jobs.pairs_fit import PairsFitParams
from cryopick.jobs.registry import JOBS
from cryopick.model import Image, Particles, Picks
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from cryopick.run.job import Outcome
from tilt_pair_set import DIAMETER, PIXEL, SIZE, TILTS, TiltPairSet, make_tilt_pairs

BOX = 30
SIDES = ("untilted", "tilted")
DEFOCUS_UM = 2.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TiltPairSet:
    return make_tilt_pairs(tmp_path_factory.mktemp("set"), paired=True)


@pytest.fixture(scope="module")
def fitted(made: TiltPairSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fit") / "out"
    given = PairsFitParams(
        picks_untilted=made.picks("u"),
        picks_tilted=made.picks("t"),
        untilted=made.micrographs("u"),
        tilted=made.micrographs("t"),
        particle_diameter_angstrom=DIAMETER,
    )
    run_job(FIT, given, out, executor=InlineExecutor(cores=1))
    return out


def run(fitted: Path, out: Path, **given: Any) -> Outcome:
    params = ExtractPairsParams(pairs=str(fitted), **{"box_px": BOX, "invert": True, **given})
    return run_job(JOB, params, out, executor=InlineExecutor(cores=1))


@pytest.fixture(scope="module")
def plain(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "out"
    run(fitted, out)
    return out


def sides_of(folder: Path) -> tuple[Particles, Particles]:
    return (
        read_particles(folder / "particles_untilted.star"),
        read_particles(folder / "particles_tilted.star"),
    )


def write_ctf(path: Path, made: TiltPairSet, side: str) -> str:
    rows = "".join(f"{name} 20000.0 20000.0 0.0 300.0 2.7 0.1\n" for name in made.micrographs(side))
    columns = (
        "rlnMicrographName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnVoltage",
        "rlnSphericalAberration", "rlnAmplitudeContrast",
    )  # fmt: skip
    head = "data_\nloop_\n" + "".join(f"_{c}\n" for c in columns)
    path.write_text(head + rows)
    return str(path)


def test_it_is_declared_as_the_table_of_jobs_says() -> None:
    assert JOBS["extract pairs"] == ("cryopick.jobs.extract_pairs", JOB.title)


def test_rows_are_pairs(plain: Path) -> None:
    untilted, tilted = sides_of(plain)
    assert len(untilted) == len(tilted) > 20
    for name in ("cryopickPairId",):
        assert (untilted.picks.extra[name] == tilted.picks.extra[name]).all()
    partner = [name.replace("_u", "_t") for name in untilted.picks.image.tolist()]
    assert tilted.picks.image.tolist() == partner
    assert read_particle_images(tilted).shape == (len(tilted), BOX, BOX)
    assert untilted.pixel_size_angstrom == PIXEL


def test_nobody_is_lost_and_reasons_are_told(fitted: Path, plain: Path) -> None:
    n = len(read_star(fitted / "pairs_untilted.star").blocks[0])
    kept = len(sides_of(plain)[0])
    edges = 0
    for side in SIDES:
        block = read_star(plain / f"discarded_{side}.star").blocks[0]
        reasons = block.text("cryopickReason").tolist()
        assert len(reasons) + kept == n
        assert set(reasons) == {"edge", "partner dropped"}
        edges += reasons.count("edge")
    assert edges >= n - kept


def test_values_are_those_of_the_steps_in_order(
    made: TiltPairSet, fitted: Path, plain: Path
) -> None:
    _, tilted = sides_of(plain)
    image = open_image(made.micrographs("t")[0])
    assert isinstance(image, Image)
    mine = tilted.picks.image == "mic0_t"
    params = ExtractPairsParams(pairs=str(fitted), box_px=BOX, invert=True)
    found = extract_particles(
        image,
        Picks.of(tilted.picks.position_angstrom[mine], image="mic0_t"),
        settings=settings_of(params, has_ctf=False),
    )
    np.testing.assert_allclose(
        read_particle_images(tilted, np.flatnonzero(mine)), found.images, atol=1e-5
    )


def test_particles_come_out_bright_in_the_middle_and_flat_around(plain: Path) -> None:
    for side in sides_of(plain):
        mean = read_particle_images(side).mean(axis=0)
        assert mean[BOX // 2, BOX // 2] > 1.5
        y, x = np.mgrid[:BOX, :BOX] - BOX // 2
        assert abs(mean[np.hypot(x, y) > BOX // 2].mean()) < 0.05


def test_filled_borders_keep_every_pair(fitted: Path, tmp_path: Path) -> None:
    outcome = run(fitted, tmp_path / "out", border="fill")
    assert outcome.summary["pairs"] == len(read_star(fitted / "pairs_tilted.star").blocks[0])
    assert outcome.summary["discarded"] == {"untilted": {}, "tilted": {}}


def test_summary_method_and_next_command(plain: Path) -> None:
    summary = json.loads((plain / "summary.json").read_text("utf-8"))
    n = summary["pairs"]
    assert summary["sentence"] == f"{n} particle pairs from 2 tilt pairs"
    assert summary["method"].startswith(
        f"{n} particle pairs were cut from the micrographs picked in boxes of 30 px (8 Å/px)"
    )
    assert "flipped" not in summary["method"]
    assert summary["phase_flipped"] == {"untilted": False, "tilted": False}
    words = shlex.split(summary["next_command"])
    assert words[:2] == ["cryopick", "classify"]
    assert Path(words[2]).is_file()
    assert any("rlnAnglePsi" in line for line in summary["warnings"])


def test_tilt_is_among_the_angles(plain: Path) -> None:
    _, tilted = sides_of(plain)
    for name, tilt in zip(("mic0_t", "mic1_t"), TILTS, strict=True):
        mine = tilted.picks.image == name
        angles = tilted.picks.extra["rlnAngleTilt"][mine].astype(float)
        np.testing.assert_allclose(angles, tilt, atol=1)


def test_each_side_has_its_own_ctf_and_flag(
    made: TiltPairSet, fitted: Path, plain: Path, tmp_path: Path
) -> None:
    ctf = write_ctf(tmp_path / "t_ctf.star", made, "t")
    outcome = run(fitted, tmp_path / "out", ctf_tilted=ctf, phase_flip=True)
    untilted, tilted = sides_of(tmp_path / "out")
    assert (untilted.phase_flipped, tilted.phase_flipped) == (False, True)
    assert untilted.defocus is None
    assert tilted.defocus is not None
    np.testing.assert_allclose(tilted.defocus[:, :2], DEFOCUS_UM)
    assert "phases of the tilted side only were flipped" in outcome.summary["method"]
    assert any("--defocus-gradient" in line for line in outcome.warnings)
    before, after = sides_of(plain)[0], untilted
    np.testing.assert_array_equal(read_particle_images(before), read_particle_images(after))
    assert not np.allclose(read_particle_images(sides_of(plain)[1]), read_particle_images(tilted))


def test_defocus_of_each_tilted_particle(made: TiltPairSet, fitted: Path, tmp_path: Path) -> None:
    ctf = write_ctf(tmp_path / "t_ctf.star", made, "t")
    found = {}
    for side in ("positive", "negative"):
        run(fitted, tmp_path / side, ctf_tilted=ctf, defocus_gradient=side)
        found[side] = sides_of(tmp_path / side)[1]
    tilted = found["positive"]
    assert tilted.defocus is not None
    offset = tilted.defocus[:, 0] - DEFOCUS_UM
    # The axis is nearly along y; turned by +90 degrees it points to smaller x.
    x = tilted.picks.position_angstrom[:, 0] - (SIZE - 1) / 2 * PIXEL
    assert np.corrcoef(offset, -x)[0, 1] > 0.99
    mine = tilted.picks.image == "mic0_t"
    slope = np.polyfit(-x[mine], offset[mine], 1)[0]
    assert slope == pytest.approx(np.tan(np.deg2rad(TILTS[0])) * 1e-4, rel=0.05)
    other = found["negative"].defocus
    assert other is not None
    np.testing.assert_allclose(other[:, 0] - DEFOCUS_UM, -offset, atol=1e-4)


def test_other_micrographs_of_another_pixel_size(
    made: TiltPairSet, fitted: Path, plain: Path, tmp_path: Path
) -> None:
    for side in ("u", "t"):
        for path in made.micrographs(side):
            image = open_image(path)
            assert isinstance(image, Image)
            fine = np.kron(image.read(), np.ones((2, 2), np.float32))
            name = tmp_path / f"{Path(path).stem}.mrc"
            # Pixel 0 of the fine image lies a quarter of a coarse pixel before that of the coarse.
            write_mrc(name, fine, PIXEL / 2, origin_angstrom=(-PIXEL / 4, -PIXEL / 4))
    given = {"untilted": [str(tmp_path / "*_u.mrc")], "tilted": [str(tmp_path / "*_t.mrc")]}
    outcome = run(fitted, tmp_path / "out", downsample=2, remove_dust=False, **given)
    assert "other micrographs than those picked" in outcome.summary["method"]
    assert outcome.summary["pixel_size_angstrom"] == {"untilted": PIXEL, "tilted": PIXEL}
    run(fitted, tmp_path / "same", remove_dust=False)
    one, two = sides_of(tmp_path / "same")[0], sides_of(tmp_path / "out")[0]
    shared = np.isin(one.picks.extra["cryopickPairId"], two.picks.extra["cryopickPairId"])
    assert shared.sum() > 0.8 * len(one)
    a = read_particle_images(one).mean(axis=0)
    b = read_particle_images(two).mean(axis=0)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95


def test_a_pick_taken_out_of_one_file_takes_its_partner_along(fitted: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(fitted, copy)
    lines = (copy / "pairs_tilted.star").read_text().splitlines()
    kept = [line for line in lines if "mic0_u_00003" not in line and "mic1_u_00001" not in line]
    assert len(lines) - len(kept) == 2
    (copy / "pairs_tilted.star").write_text("\n".join(kept) + "\n")
    outcome = run(copy, tmp_path / "out", border="fill")
    untilted, tilted = sides_of(tmp_path / "out")
    ids = untilted.picks.extra["cryopickPairId"].tolist()
    assert ids == tilted.picks.extra["cryopickPairId"].tolist()
    assert "mic0_u_00003" not in ids
    assert outcome.summary["without_partner"] == 2
    assert any("no partner for them" in line for line in outcome.warnings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"box_px": None}, "--box: is missing"),
        ({"invert": None}, "--invert"),
        ({"phase_flip": True}, "--phase-flip: needs a CTF"),
        ({"pairs": "nowhere"}, r"nowhere: no pairs\.json in it"),
        ({"ctf_tilted": "nowhere.star"}, "nowhere.star"),
    ],
)
def test_wrong_input_stops_at_once(fitted: Path, given: dict[str, Any], message: str) -> None:
    settings = {"pairs": str(fitted), "box_px": BOX, "invert": True, **given}
    with pytest.raises(CryopickError, match=message) as caught:
        plan(ExtractPairsParams(**settings))
    assert "\n" not in str(caught.value)


def test_other_micrographs_must_have_the_names(fitted: Path, tmp_path: Path) -> None:
    write_mrc(tmp_path / "strange.mrc", np.zeros((8, 8), np.float32), 2.0)
    given = {"box_px": BOX, "invert": True, "untilted": [str(tmp_path / "strange.mrc")]}
    with pytest.raises(InputError, match="no pair of micrographs has the names") as caught:
        plan(ExtractPairsParams(pairs=str(fitted), **given))
    assert "mic0_u (--untilted)" in str(caught.value)


def test_plan_is_one_item_per_pair(fitted: Path) -> None:
    items = plan(ExtractPairsParams(pairs=str(fitted), box_px=BOX, invert=True))
    assert [item.id for item in items] == ["mic0_u", "mic1_u"]
    assert json.loads(json.dumps(items[0].inputs)) == items[0].inputs
    axes = [item.inputs["geometry"]["axis_tilted_deg"] for item in items]
    assert abs(axes[0] - axes[1]) < 20


def test_commands_lead_from_one_to_the_next(made: TiltPairSet, tmp_path: Path) -> None:
    """From outside: the command that ``pairs fit`` suggests is one that works."""
    import subprocess
    import sys

    program = str(Path(sys.executable).with_name("cryopick"))
    if not Path(program).is_file():
        pytest.skip("cryopick is not installed beside this Python")

    def call(*words: str) -> dict[str, Any]:
        done = subprocess.run(
            [program, *words, "--json", "--workers", "1"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    fit = call(
        "pairs", "fit", made.picks("u"), made.picks("t"), "--untilted", *made.micrographs("u"),
        "--tilted", *made.micrographs("t"), "--particle-diameter", "180", "-o", "fit",
    )  # fmt: skip
    words = shlex.split(fit["next_command"])
    assert words[0] == "cryopick"
    cut = call(*words[1:])
    assert cut["pairs"] == len(sides_of(tmp_path / "particle_pairs")[0])


def test_half_precision_is_what_is_written(fitted: Path, plain: Path, tmp_path: Path) -> None:
    run(fitted, tmp_path / "out", float16=True)
    one, two = sides_of(plain)[1], sides_of(tmp_path / "out")[1]
    np.testing.assert_allclose(
        read_particle_images(one), read_particle_images(two), atol=5e-3, rtol=1e-3
    )
    stacks = [next((f / "particles").glob("mic0*_tilted.mrcs")) for f in (plain, tmp_path / "out")]
    full, half = (path.stat().st_size - 1024 for path in stacks)
    assert half * 2 == full


def test_down_sampling_makes_the_pixels_larger(fitted: Path, tmp_path: Path) -> None:
    outcome = run(fitted, tmp_path / "out", downsample=1.5, box_px=20)
    untilted, tilted = sides_of(tmp_path / "out")
    assert untilted.pixel_size_angstrom == tilted.pixel_size_angstrom == 1.5 * PIXEL
    assert untilted.box_px == 20
    assert "down-sampled by 1.5" in outcome.summary["method"]
    # Positions are those in the specimen: RELION's coordinates still count micrograph pixels.
    block = read_star(tmp_path / "out" / "particles_tilted.star").table_with("rlnCoordinateX")
    assert block is not None
    x = block.number("rlnCoordinateX") * PIXEL
    np.testing.assert_allclose(x, tilted.picks.position_angstrom[:, 0], atol=1e-3)
    shifted = tilted.picks.position_angstrom - (
        0 if tilted.shift_angstrom is None else tilted.shift_angstrom
    )
    fit = read_star(fitted / "pairs_tilted.star").blocks[0]
    known = dict(
        zip(
            fit.text("cryopickPairId").tolist(),
            (fit.number("rlnCoordinateX") * PIXEL).tolist(),
            strict=True,
        )
    )
    wanted = [known[name] for name in tilted.picks.extra["cryopickPairId"].tolist()]
    np.testing.assert_allclose(shifted[:, 0], wanted, atol=1e-2)


def test_contrast_that_is_not_inverted_stays_dark(fitted: Path, tmp_path: Path) -> None:
    run(fitted, tmp_path / "out", invert=False)
    untilted, _ = sides_of(tmp_path / "out")
    assert untilted.dark
    assert read_particle_images(untilted).mean(axis=0)[BOX // 2, BOX // 2] < -1.5


def test_a_run_again_gives_the_same_bytes(fitted: Path, plain: Path, tmp_path: Path) -> None:
    run(fitted, tmp_path / "out")
    for side in SIDES:
        name = f"mic1_u_{side}.mrcs"
        one, two = (folder / "particles" / name for folder in (plain, tmp_path / "out"))
        assert one.read_bytes()[1024:] == two.read_bytes()[1024:]
