import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.errors import InputError
from cryopick.extract.particles import extract_particles
from cryopick.extract.settings import ExtractSettings
from cryopick.io.images import open_image, write_mrc
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.io.particles import read_particle_images, read_particles, write_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.jobs.extract_particles import JOB, ExtractParams, plan
from cryopick.model import Defocus, Grid, Optics, Picks
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor

PIXEL, SHAPE = 2.0, (120, 150)
PLACES = {"007": [(40, 50), (90.3, 60.4), (5, 60)], "1e5": [(70, 70)]}
SETTINGS = ExtractSettings(image_px=16, downsampling=2)


def blobs(places, seed):
    pixels = np.random.default_rng(seed).normal(100, 3, SHAPE)
    y, x = np.indices(SHAPE)
    for px, py in places:
        pixels -= 40 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 50)
    return pixels.astype(np.float32)


def all_picks():
    place = np.array([p for places in PLACES.values() for p in places])
    image = [name for name, places in PLACES.items() for _ in places]
    return Picks.of(
        place * PIXEL, image=image, score=[0.9, 0.4, 0.8, 0.7], label=["1", "2", "1", "1"],
        extra={"rlnMyColumn": np.arange(4.0)},
    )  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mics").mkdir()
    for seed, (name, places) in enumerate(PLACES.items()):
        write_mrc(f"mics/{name}.mrc", blobs(places, seed), PIXEL)
    files = {name: f"mics/{name}.mrc" for name in PLACES}
    frame = Frame(default_grid=Grid(shape=SHAPE, pixel_size_angstrom=PIXEL), files=files)
    write_picks(all_picks(), tmp_path / "picks.star", frame, name="relion")
    entries = [
        Micrograph(
            path=path, name=name, pixel_size_angstrom=PIXEL, optics=Optics(cs_mm=2.0),
            defocus=Defocus(u_um=1.0 + i, v_um=1.1 + i, astigmatism_angle_deg=12.0),
        )
        for i, (name, path) in enumerate(files.items())
    ]  # fmt: skip
    write_micrographs(tmp_path / "ctf.star", entries)
    return tmp_path


def run(folder="out", **given):
    params = ExtractParams(
        **{"picks": "picks.star", "micrographs": ["mics"], "box_px": 32, "rescale_px": 16, **given}
    )
    return run_job(JOB, params, folder, executor=InlineExecutor(cores=1), device="cpu")


def summary(folder="out"):
    return json.loads((Path(folder) / "summary.json").read_text())


def test_images_are_those_of_the_function(project):
    outcome = run()
    assert outcome.sentence == "3 particles from 2 micrographs"
    particles = read_particles("out/particles.star")
    images = read_particle_images(particles)
    chosen = all_picks()
    for name in PLACES:
        direct = extract_particles(
            open_image(project / "mics" / f"{name}.mrc"), chosen[chosen.image == name],
            settings=SETTINGS,
        )  # fmt: skip
        mine = particles.picks.image == name
        np.testing.assert_allclose(images[mine], direct.images, atol=1e-6)
        np.testing.assert_allclose(
            particles.picks.position_angstrom[mine], direct.picks.position_angstrom, atol=1e-5
        )
        np.testing.assert_allclose(particles.shift_angstrom[mine], direct.shift_angstrom, atol=1e-5)


def test_particles_star_holds_all_that_is_known(project):
    run(ctf="ctf.star")
    particles = read_particles("out/particles.star")
    assert (particles.pixel_size_angstrom, particles.box_px) == (4.0, 16)
    assert particles.picks.score.tolist() == [0.9, 0.4, 0.7]
    assert particles.picks.label.tolist() == ["1", "2", "1"]
    assert particles.picks.extra["rlnMyColumn"].astype(float).tolist() == [0, 1, 3]
    np.testing.assert_allclose(particles.defocus[:, :2], [[1, 1.1], [1, 1.1], [2, 2.1]])
    assert particles.optics_of(0).cs_mm == 2.0
    assert not particles.dark
    np.testing.assert_allclose(particles.micrograph_pixel_angstrom, PIXEL)
    for name in ("Mean", "Sd", "Min", "Max"):
        assert f"cryopickBox{name}" in particles.picks.extra
    # Paths begin where the command ran, as RELION wants them.
    assert particles.file[0] == "out/particles/007.mrcs"
    assert particles.picks.extra["rlnMicrographName"][0] == "mics/007.mrc"


def test_what_is_left_out_is_kept_with_its_reason(project):
    run(min_score=0.5)
    assert summary()["discarded"] == {"below threshold": 1, "edge": 1}
    frame = Frame(default_grid=Grid(shape=SHAPE, pixel_size_angstrom=PIXEL))
    dropped = read_picks("out/discarded.star", frame).picks
    reasons = dropped.extra["cryopickReason"].tolist()
    assert dict(zip(dropped.score.tolist(), reasons, strict=True)) == {
        0.4: "below threshold", 0.8: "edge",
    }  # fmt: skip


@pytest.mark.parametrize("words", [{"phase_flip": True}, {"premultiply_ctf": True}])
def test_what_was_done_about_the_ctf_is_written(project, words):
    run("plain", ctf="ctf.star")
    run(micrographs=["ctf.star"], **words)
    found, plain = read_particles("out/particles.star"), read_particles("plain/particles.star")
    assert found.phase_flipped == ("phase_flip" in words)
    assert found.ctf_premultiplied == ("premultiply_ctf" in words)
    assert not plain.phase_flipped
    assert not plain.ctf_premultiplied
    a, b = read_particle_images(found), read_particle_images(plain)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.99


@pytest.mark.parametrize(
    ("contrast", "invert", "dark"),
    [
        ("dark", True, False),
        ("dark", False, True),
        ("bright", False, False),
        ("bright", True, True),
    ],
)
def test_it_is_known_whether_particles_are_dark(project, contrast, invert, dark):
    outcome = run(contrast=contrast, invert=invert)
    assert read_particles("out/particles.star").dark == dark
    doubted = any("--no-invert" in line for line in outcome.warnings)
    assert doubted == (contrast == "bright" and invert)


def test_half_precision_takes_half_the_bytes(project):
    run("full")
    run("half", float16=True)
    full, half = (open_image(f"{name}/particles/007.mrcs") for name in ("full", "half"))
    assert half.data.dtype == np.float16
    np.testing.assert_allclose(half.data[...], full.data[...], rtol=1e-3, atol=1e-3)


def test_extracting_again_with_recentring_moves_to_where_the_particles_are(project):
    off = np.array([[8.0, -6.0]] * 4)
    moved = replace(all_picks(), position_angstrom=all_picks().position_angstrom + off)
    frame = Frame(default_grid=Grid(shape=SHAPE, pixel_size_angstrom=PIXEL))
    write_picks(moved, project / "off.star", frame, name="relion")
    run("first", picks="off.star", border="fill")
    first = read_particles("first/particles.star")
    known = replace(first, shift_angstrom=first.shift_angstrom + off[: len(first)])
    write_particles(project / "refined.star", known)
    run("still", picks="refined.star", border="fill")
    run("again", picks="refined.star", border="fill", recentre=True)
    run("reset", picks="refined.star", border="fill", reset_offsets=True)
    still, again, reset = (
        read_particles(f"{name}/particles.star") for name in ("still", "again", "reset")
    )
    np.testing.assert_allclose(still.picks.position_angstrom, first.picks.position_angstrom)
    np.testing.assert_allclose(still.shift_angstrom, known.shift_angstrom, atol=1e-5)
    place = again.picks.position_angstrom - (
        0 if again.shift_angstrom is None else again.shift_angstrom
    )
    np.testing.assert_allclose(place, all_picks().position_angstrom, atol=1e-4)
    assert np.abs(again.picks.position_angstrom - place).max() <= PIXEL / 2 + 1e-6
    assert reset.shift_angstrom is None
    assert again.picks.extra["rlnMyColumn"].astype(float).tolist() == [0, 1, 2, 3]


def test_defocus_and_half_sets_of_particles_are_handed_on(project):
    run("first", ctf="ctf.star")
    first = read_particles("first/particles.star")
    own = replace(first, half=np.array([1, 2, 1]), defocus=first.defocus + 0.3)
    write_particles(project / "refined.star", own)
    run(picks="refined.star", phase_flip=True)
    found = read_particles("out/particles.star")
    np.testing.assert_allclose(found.defocus, own.defocus, atol=1e-6)
    assert found.half.tolist() == [1, 2, 1]
    run("new", picks="refined.star", ctf="ctf.star")
    np.testing.assert_allclose(read_particles("new/particles.star").defocus, first.defocus)


def test_the_box_follows_the_diameter_of_the_picks(project):
    frame = Frame(default_grid=Grid(shape=SHAPE, pixel_size_angstrom=PIXEL))
    sized = replace(all_picks(), diameter_angstrom=np.full(4, 40.0))
    write_picks(sized, project / "sized.star", frame, name="relion")
    run(picks="sized.star", box_px=None, rescale_px=None)
    assert read_particles("out/particles.star").box_px == 30


def test_an_xmipp_run_takes_its_own_path(project):
    run(order="xmipp", dust_sd=5.0, normalise="ramp")
    settings = ExtractSettings(
        image_px=16, downsampling=2, order="xmipp", dust_sd=5, normalise="ramp"
    )
    chosen = all_picks()
    direct = extract_particles(
        open_image(project / "mics" / "1e5.mrc"), chosen[3:], settings=settings
    )
    images = read_particle_images(read_particles("out/particles.star"))
    np.testing.assert_allclose(images[-1:], direct.images, atol=1e-6)


def test_picks_of_other_micrographs_are_counted(project):
    outcome = run(micrographs=["mics/007.mrc"])
    assert any(line.startswith("1 picks left out") for line in outcome.warnings)
    assert outcome.summary["particles_per_micrograph"] == {"007": 2}


def test_nothing_inside_is_no_error(project):
    outcome = run(picks="picks.star", box_px=126, rescale_px=63)
    assert outcome.summary["particles"] == 0
    assert any("--border fill" in line for line in outcome.warnings)
    assert outcome.next_command == ""
    assert set(outcome.files) == {"discarded"}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"micrographs": ["other.mrc"]}, "no picks in the micrographs other; it names 007, 1e5"),
        ({"min_score": 5.0}, "all 4 picks are left out; lower --min-score"),
        ({"phase_flip": True}, "--phase-flip: the CTF of the micrographs is needed; give --ctf"),
        ({"premultiply_ctf": True}, "--premultiply-ctf: the CTF"),
        ({"rescale_px": 48}, "--rescale 48: is larger than the box of 32 px"),
        (
            {"micrographs": ["mics", "other/1e6.mrc"], "picks": "both.csv"},
            "--micrographs: images of 007 would have 16 px of 4 Å, those of 1e6 16 px of 6 Å",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_cut(project, given, line):
    write_mrc("other.mrc", np.zeros(SHAPE, np.float32), PIXEL)
    (project / "other").mkdir()
    write_mrc("other/1e6.mrc", np.zeros(SHAPE, np.float32), 3.0)
    (project / "both.csv").write_text("image,x,y\n007,60,60\n1e6,60,60\n")
    with pytest.raises(InputError, match=re.escape(line)) as caught:
        run(**given)
    assert "\n" not in str(caught.value)
    assert not (project / "out" / "items").exists()


def test_the_plan_tells_what_it_will_take(project):
    params = {"picks": "picks.star", "micrographs": ["mics"], "box_px": 32}
    plain = plan(ExtractParams(**params))
    assert [item.inputs["name"] for item in plain] == list(PLACES)
    flipped = plan(ExtractParams(**params, ctf="ctf.star", phase_flip=True))
    for a, b in zip(plain, flipped, strict=True):
        assert 0 < a.cost.seconds < b.cost.seconds
        assert 0 < a.cost.memory_bytes < b.cost.memory_bytes


def test_what_the_micrographs_star_says_of_the_microscope_is_handed_on(project):
    entries = [
        Micrograph(
            path=f"mics/{n}.mrc", name=n, optics=Optics(voltage_kv=200), pixel_size_angstrom=2
        )
        for n in PLACES
    ]
    write_micrographs(project / "plain.star", entries)
    outcome = run(micrographs=["plain.star"])
    assert read_particles("out/particles.star").optics_of(0).voltage_kv == 200
    assert outcome.warnings == []
    [line] = run("unknown").warnings
    assert "particles.star says 300 kV" in line


def test_the_report_shows_particles(project):
    run()
    titles = [plot["title"] for plot in summary()["plots"]]
    assert titles == ["Particles", "Mean image", "Grey values of the boxes"]
    assert "3 particles from 2 micrographs" in (project / "out" / "report.html").read_text()


def test_the_next_command_can_be_given(project, capsys):
    words = shlex.split(run().next_command)
    assert words[0] == "cryopick"
    assert main([*words[1:], "--dry-run"]) == 0
    assert "classes" in capsys.readouterr().out


def test_the_command_line(project, capsys):
    words = "extract particles picks.star --micrographs mics --box 32 --rescale 16 -o cli"
    assert main([*words.split(), "--workers", "1", "--no-invert", "--normalise", "ramp"]) == 0
    assert "3 particles from 2 micrographs" in capsys.readouterr().out
    assert read_particles("cli/particles.star").dark
