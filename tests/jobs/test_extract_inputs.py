import os
import re

import numpy as np
import pytest

from cryopick.errors import CryopickError, InputError
from cryopick.io.images import write_mrc
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.io.particles import write_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.extract_inputs import (
    ctf_of_micrographs,
    micrograph_files,
    optics_of_micrographs,
    read_pick_set,
)
from cryopick.jobs.extract_params import ExtractParams
from cryopick.model import Defocus, Grid, Optics, Particles, Picks

PLACES = np.array([[30.0, 45.0], [60.0, 90.0], [75.0, 33.0]])  # Å


def picks(**more):
    return Picks.of(PLACES, image=["a", "b", "a"], score=[0.1, 0.5, 0.9], **more)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("raw", "denoised"):
        (tmp_path / name).mkdir()
    for name in "ab":
        write_mrc(f"raw/{name}.mrc", np.zeros((80, 100), np.float32), 1.5)
        write_mrc(f"denoised/{name}.mrc", np.zeros((40, 50), np.float32), 3.0)
    return tmp_path


def frame(of="raw", *, pixel=1.5):
    grid = Grid(shape=(int(120 / pixel), int(150 / pixel)), pixel_size_angstrom=pixel)
    return Frame(default_grid=grid, files={n: f"{of}/{n}.mrc" for n in "ab"})


def read(picks_file="p.star", **given):
    given.setdefault("micrographs", ["raw/*.mrc"])
    return read_pick_set(ExtractParams(picks=str(picks_file), box_px=16, **given))


def sorted_places(found):
    return found.picks.position_angstrom[np.argsort(found.picks.score)]


def test_picks_of_the_same_micrographs(folder):
    write_picks(picks(), folder / "p.star", frame(), name="relion")
    found = read()
    np.testing.assert_allclose(sorted_places(found), PLACES, atol=1e-5)
    assert found.files["a"].name == "a.mrc"
    assert found.grids["a"].pixel_size_angstrom == 1.5
    assert found.particles is None


@pytest.mark.parametrize(("picked", "cut"), [("raw", "denoised"), ("denoised", "raw")])
def test_another_set_of_micrographs_by_name_is_rescaled_by_itself(folder, picked, cut):
    """The STAR file names the micrographs that were picked: they tell their pixel size."""
    pixel = {"raw": 1.5, "denoised": 3.0}[picked]
    write_picks(picks(), folder / "p.star", frame(picked, pixel=pixel), name="relion")
    found = read(micrographs=[f"{cut}/*.mrc"])
    np.testing.assert_allclose(sorted_places(found), PLACES, atol=1e-5)
    assert found.grids["a"].pixel_size_angstrom == 4.5 - pixel


def test_picks_of_micrographs_that_are_gone_need_their_pixel_size(folder):
    write_picks(picks(), folder / "p.star", frame("gone", pixel=3.0), name="relion")
    np.testing.assert_allclose(sorted_places(read()), PLACES / 2, atol=1e-5)
    found = read(picks_pixel_size_angstrom=3.0)
    np.testing.assert_allclose(sorted_places(found), PLACES, atol=1e-5)


def test_without_micrographs_those_that_the_picks_name_are_taken(folder):
    write_picks(picks(), folder / "p.star", frame("denoised", pixel=3.0), name="relion")
    params = ExtractParams(picks="p.star")
    assert [path.parent.name for path in micrograph_files(params).values()] == ["denoised"] * 2
    (folder / "p.csv").write_text("image,x,y\na,1,2\n")
    with pytest.raises(InputError, match="--micrographs: is missing"):
        micrograph_files(ExtractParams(picks="p.csv"))


@pytest.mark.parametrize("dialect", ["csv", "relion", "cryopick-npz"])
def test_many_dialects_are_read(folder, dialect):
    suffix = {"csv": "csv", "relion": "star", "cryopick-npz": "npz"}[dialect]
    write_picks(picks(), folder / f"p.{suffix}", frame(), name=dialect)
    found = read(f"p.{suffix}")
    np.testing.assert_allclose(sorted_places(found), PLACES, atol=0.01)
    assert found.picks.image[np.argsort(found.picks.score)].tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("given", ["boxes", "boxes/*.box"])
def test_a_file_per_micrograph_names_it(folder, given):
    (folder / "boxes").mkdir()
    for name in "ab":
        mine = picks()[picks().image == name]
        write_picks(mine, folder / "boxes" / f"{name}.box", frame(), name="eman-box")
    found = read(given)
    assert sorted(found.picks.image.tolist()) == ["a", "a", "b"]
    assert {tuple(p) for p in found.picks.position_angstrom.round(2)} == {tuple(p) for p in PLACES}


def particles(**more):
    return Particles(
        picks=picks(), file=np.array(["x.mrcs"] * 3), index=np.arange(3),
        pixel_size_angstrom=3.0, box_px=16, micrograph_pixel_angstrom=np.full(3, 1.5),
        shift_angstrom=np.array([[1.0, 2.0], [0, 0], [-3.0, 0.5]]), **more,
    )  # fmt: skip


def test_particles_keep_their_shifts_apart(folder):
    write_particles(folder / "particles.star", particles())
    for given in ({}, {"micrographs": ["denoised/*.mrc"]}):
        found = read("particles.star", **given)
        np.testing.assert_allclose(found.picks.position_angstrom, PLACES, atol=1e-5)
        np.testing.assert_allclose(found.particles.shift_angstrom, particles().shift_angstrom)


def test_low_scores_are_deleted_with_their_reason(folder):
    write_picks(picks(), folder / "p.star", frame(), name="relion")
    found = read(min_score=0.4).picks
    assert dict(zip(found.score.tolist(), found.reason.tolist(), strict=True)) == {
        0.1: "below threshold", 0.5: "", 0.9: "",
    }  # fmt: skip
    (folder / "p.csv").write_text("image,x,y\na,10,20\n")
    with pytest.raises(InputError, match=r"--min-score 0\.4: p\.csv holds no scores"):
        read("p.csv", min_score=0.4)


def test_a_file_that_changed_is_read_anew(folder):
    write_picks(picks(), folder / "p.star", frame(), name="relion")
    first = read()
    assert read().picks.position_angstrom is first.picks.position_angstrom
    write_picks(picks()[:1], folder / "p.star", frame(), name="relion")
    os.utime(folder / "p.star", ns=(1, 1))
    assert len(read().picks) == 1


def test_the_diameter_is_the_largest_known(folder):
    write_picks(picks(diameter_angstrom=[80, 120, 100]), folder / "p.star", frame(), name="relion")
    assert read().diameter_angstrom == pytest.approx(120)
    write_picks(picks(), folder / "p.star", frame(), name="relion")
    os.utime(folder / "p.star", ns=(2, 2))
    assert read().diameter_angstrom is None


def micrographs_star(folder, **defocus):
    entries = [
        Micrograph(
            path=f"raw/{name}.mrc", name=name, optics=Optics(cs_mm=2.0), pixel_size_angstrom=1.5,
            defocus=defocus.get(name),
        )
        for name in "ab"
    ]  # fmt: skip
    write_micrographs(folder / "m.star", entries)


def test_the_ctf_of_the_micrographs_star_is_taken(folder):
    write_picks(picks(), folder / "p.star", frame(), name="relion")
    micrographs_star(folder, a=Defocus(u_um=1.0, v_um=1.0), b=Defocus(u_um=2.0, v_um=2.0))
    for given in ({"micrographs": ["m.star"]}, {"ctf": "m.star"}):
        params = ExtractParams(picks="p.star", **{"micrographs": ["raw/*.mrc"], **given})
        found = ctf_of_micrographs(params, ["b", "a"], read_pick_set(params))
        assert found["b"].defocus.u_um == pytest.approx(2.0)
        assert found["a"].optics.cs_mm == 2.0
    plain = ExtractParams(picks="p.star", micrographs=["raw/*.mrc"])
    assert ctf_of_micrographs(plain, ["a"], read_pick_set(plain)) == {}


def test_a_star_without_ctf_gives_none_unless_asked(folder):
    write_picks(picks(), folder / "p.star", frame(), name="relion")
    micrographs_star(folder)
    params = ExtractParams(picks="p.star", micrographs=["m.star"])
    assert ctf_of_micrographs(params, ["a"], read_pick_set(params)) == {}
    params = ExtractParams(picks="p.star", micrographs=["m.star"], ctf="m.star")
    with pytest.raises(InputError, match="micrograph a has no defocus"):
        ctf_of_micrographs(params, ["a"], read_pick_set(params))


def test_optics_are_those_of_the_micrographs_star(folder):
    micrographs_star(folder)
    found = optics_of_micrographs(ExtractParams(picks="p.star", micrographs=["m.star"]))
    assert {name: optics.cs_mm for name, optics in found.items()} == {"a": 2.0, "b": 2.0}
    assert optics_of_micrographs(ExtractParams(picks="p.star", micrographs=["raw"])) == {}


def test_particles_bring_their_own_ctf(folder):
    own = particles(defocus=np.array([[1.0, 1.1, 5, 0], [2.0, 2.1, 5, 0], [1.2, 1.3, 5, 0]]))
    write_particles(folder / "particles.star", own)
    micrographs_star(folder, a=Defocus(u_um=3.0, v_um=3.0), b=Defocus(u_um=3.0, v_um=3.0))
    params = ExtractParams(picks="particles.star", micrographs=["m.star"])
    assert ctf_of_micrographs(params, ["a"], read_pick_set(params)) == {}
    params = ExtractParams(picks="particles.star", micrographs=["m.star"], ctf="m.star")
    assert ctf_of_micrographs(params, ["a"], read_pick_set(params))["a"].defocus.u_um == 3.0


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("gone.star", "gone.star: no such file"),
        ("words.star", "words.star"),
        ("empty", "empty: no such files in this folder"),
    ],
)
def test_picks_that_cannot_be_read_are_named(folder, name, line):
    (folder / "words.star").write_text("hello")
    (folder / "empty").mkdir()
    with pytest.raises(CryopickError, match=re.escape(line)) as caught:
        read(name)
    assert "\n" not in str(caught.value)


def test_volumes_and_3d_picks_are_refused(folder):
    write_mrc("v.mrc", np.zeros((8, 8, 8), np.float32), 1.5)
    (folder / "p.csv").write_text("image,x,y\na,10,20\n")
    with pytest.raises(InputError, match=r"v\.mrc: is a volume"):
        read("p.csv", micrographs=["v.mrc"])
    (folder / "q.csv").write_text("image,x,y,z\na,10,20,30\n")
    with pytest.raises(InputError, match="3D picks"):
        read("q.csv")
