"""Picks handed on to other programs, read back with their own readers."""

import json
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.jobs.tomogram_hand_off import file_stems, write_hand_off
from cryopick.model import Grid, Picks, delete
from pick_round_trip import in_order, random_picks

GRID = Grid(shape=(60, 120, 160), pixel_size_angstrom=10.0)
NAMES = ("rec_TS_1", "007")
SCRIPT = """\
# 20 picks of ribosome in 007, 10 Å per voxel
# For ChimeraX with ArtiaX, in an empty session: model numbers count from there.
close session
artiax start
artiax open tomo "../../tomo grams/007.mrc"
artiax tomo #1.1.1 pixelSize 10
open ../../template.mrc
volume #2 style surface level 0.5
open ./007.star format relion
artiax particles #1.2.1 originScaleFactor 10 radius 125
artiax attach #2 toParticleList #1.2.1
artiax show #1.2.1 surfaces
artiax hide #1.2.1 markers
artiax view xy
"""


def tomograms(folder: Path, names=NAMES) -> dict[str, tuple[Path, Grid]]:
    return {name: (folder / "tomo grams" / f"{name}.mrc", GRID) for name in names}


@pytest.fixture
def picks() -> Picks:
    return random_picks(GRID, images=NAMES, labels=("ribosome",))


@pytest.fixture
def job(tmp_path: Path, picks: Picks) -> Path:
    folder = tmp_path / "job"
    write_hand_off(
        folder,
        picks,
        tomograms=tomograms(tmp_path),
        tilt_series_pixel_angstrom={"007": 2.5},
        template_path=tmp_path / "template.mrc",
        template_level=0.5,
        diameter_angstrom=250.0,
        label="ribosome",
    )
    return folder


def of(picks: Picks, name: str) -> Picks:
    return in_order(picks[picks.image == name])


def same_places(found: Picks, expected: Picks, tolerance: float) -> None:
    assert len(found) == len(expected)
    apart = in_order(found).position_angstrom - expected.position_angstrom
    assert np.abs(apart).max() <= tolerance


def test_files_written(job: Path, tmp_path: Path, picks: Picks):
    files = write_hand_off(job, picks, tomograms=tomograms(tmp_path))
    assert files == {
        "import_list": "import_list.star",
        "particles_per_tomogram": "particles",
        "imod": "imod",
        "dynamo": "dynamo",
        "copick": "copick",
        "chimerax": "chimerax",
    }
    assert all((job / path).exists() for path in files.values())


def test_relion_list_and_particles(job: Path, picks: Picks):
    table = read_star(job / "import_list.star").blocks[0]
    assert table.text("rlnTomoName").tolist() == ["TS_1", "007"]
    paths = table.text("rlnTomoImportParticleFile").tolist()
    assert paths == [str(job / "particles" / f"{n}.star") for n in NAMES]
    for path, name in zip(paths, NAMES, strict=True):
        found = read_picks(path, Frame(grids={name: GRID})).picks
        assert set(found.image.tolist()) == {name}
        same_places(found, of(picks, name), 2e-6)
        assert in_order(found).score.tolist() == pytest.approx(of(picks, name).score, abs=1e-6)
    first, second = (read_star(path).blocks[0] for path in paths)
    assert set(first.number("rlnTomoTiltSeriesPixelSize")) == {10.0}
    assert set(second.number("rlnTomoTiltSeriesPixelSize")) == {2.5}


def test_imod_spheres(job: Path, picks: Picks):
    imodmodel = pytest.importorskip("imodmodel")
    model = imodmodel.ImodModel.from_file(job / "imod" / "007.mod")
    assert [item.header.name for item in model.objects] == ["ribosome"]
    assert model.objects[0].header.flags.scattered
    assert model.objects[0].header.pdrawsize == 12
    points = np.concatenate([c.points for c in model.objects[0].contours])
    position = (points - [0.5, 0.5, 0.0]) * 10.0
    found = Picks.of(position, image="007")
    same_places(found, of(picks, "007"), 1e-3)
    read = read_picks(job / "imod" / "007.mod", Frame(grids={"007": GRID})).picks
    assert set(read.diameter_angstrom.tolist()) == {250.0}


def test_dynamo_table(job: Path, picks: Picks):
    dynamotable = pytest.importorskip("dynamotable")
    table = dynamotable.read(job / "dynamo" / "007.tbl")
    position = (table[["x", "y", "z"]].to_numpy() - 1) * 10.0
    same_places(Picks.of(position, image="007"), of(picks, "007"), 1e-5)
    found = read_picks(job / "dynamo" / "007.tbl", Frame(grids={"007": GRID})).picks
    dots = np.abs(np.sum(in_order(found).orientation * of(picks, "007").orientation, axis=1))
    assert dots.min() > 1 - 1e-9
    assert set(found.image.tolist()) == {"007"}


def test_copick_project(job: Path, picks: Picks):
    path = job / "copick" / "ExperimentRuns" / "007" / "Picks" / "cryopick_0_ribosome.json"
    data = json.loads(path.read_text())
    assert (data["run_name"], data["pickable_object_name"]) == ("007", "ribosome")
    same_places(read_picks(path).picks, of(picks, "007"), 1e-5)
    both = read_picks(job / "copick", name="copick-project").picks
    assert len(both) == len(picks)


def test_chimerax_script_and_its_list(job: Path, picks: Picks):
    assert (job / "chimerax" / "007.cxc").read_text() == SCRIPT
    table = read_star(job / "chimerax" / "007.star").blocks[0]
    px = np.stack([table.number(f"rlnCoordinate{a}") for a in "XYZ"], axis=1)
    same_places(Picks.of(px * 10.0, image="007"), of(picks, "007"), 1e-5)


def test_species_have_lists_and_surfaces_of_their_own(tmp_path: Path):
    picks = random_picks(GRID, images=("TS_1",), labels=("80S", "20S_core", "x"))
    write_hand_off(
        tmp_path,
        picks,
        tomograms=tomograms(tmp_path, ["TS_1"]),
        templates={"80S": (tmp_path / "a.mrc", 0.1), "20S_core": (tmp_path / "b.mrc", None)},
    )
    lines = (tmp_path / "chimerax" / "TS_1.cxc").read_text().splitlines()
    assert lines[0] == "# 40 picks of 80S, 20S_core, x in TS_1, 10 Å per voxel"
    for line in (
        "volume #2 style surface level 0.1",
        "volume #3 style surface",
        "open ./TS_1_80S.star format relion",
        "artiax attach #3 toParticleList #1.2.2",
        "artiax show #1.2.3 markers",
    ):
        assert line in lines
    assert len(read_star(tmp_path / "chimerax" / "TS_1_20S_core.star").blocks[0]) == 13
    runs = tmp_path / "copick" / "ExperimentRuns" / "TS_1" / "Picks"
    assert sorted(p.name for p in runs.iterdir()) == [
        "cryopick_0_20S-core.json", "cryopick_0_80S.json", "cryopick_0_x.json",
    ]  # fmt: skip


def test_deleted_picks_are_not_handed_on(tmp_path: Path, picks: Picks):
    gone = delete(picks, picks.image == "007", reason="below threshold")
    write_hand_off(tmp_path, gone, tomograms=tomograms(tmp_path))
    assert [p.name for p in (tmp_path / "particles").iterdir()] == ["rec_TS_1.star"]
    assert read_star(tmp_path / "import_list.star").blocks[0].text("rlnTomoName").tolist() == [
        "TS_1"
    ]


def test_a_label_for_picks_without_one(tmp_path: Path):
    picks = Picks.of([[1.0, 2, 3], [4, 5, 6]], image="007", label=["", "own"])
    write_hand_off(tmp_path, picks, tomograms=tomograms(tmp_path), label="a_b" + "é" * 40)
    picked = tmp_path / "copick" / "ExperimentRuns" / "007" / "Picks"
    assert {p.name.split("_")[2] for p in picked.iterdir()} == {
        "own.json",
        "a-b" + "-" * 40 + ".json",
    }
    frame = Frame(grids={"007": GRID})
    labels = read_picks(tmp_path / "imod" / "007.mod", frame).picks.label.tolist()
    assert sorted(labels) == ["a_b" + "é" * 30, "own"]
    bare = Picks.of([[1.0, 2, 3]], image="007")
    write_hand_off(tmp_path / "b", bare, tomograms=tomograms(tmp_path), label="")
    assert (tmp_path / "b/copick/ExperimentRuns/007/Picks/cryopick_0_particle.json").is_file()


def test_what_an_earlier_call_wrote_goes_and_nothing_else(job: Path, tmp_path: Path, picks: Picks):
    mine = job / "particles" / "my own.star"
    mine.write_text("mine")
    before = {p.relative_to(job) for p in job.rglob("*") if p.is_file()}
    write_hand_off(job, picks[picks.image == "007"], tomograms=tomograms(tmp_path))
    after = {p.relative_to(job) for p in job.rglob("*") if p.is_file()}
    assert {p.parts[0] for p in before - after} == {
        "particles", "imod", "dynamo", "copick", "chimerax",
    }  # fmt: skip
    assert all("rec_TS_1" in str(p) for p in before - after)
    assert mine.read_text() == "mine"


def test_no_picks_no_files(job: Path, tmp_path: Path):
    assert write_hand_off(tmp_path / "x", Picks.empty(3), tomograms={}) == {}
    assert not (tmp_path / "x").exists()
    assert write_hand_off(job, Picks.empty(3), tomograms=tomograms(tmp_path)) == {}
    assert [p.name for p in job.rglob("*") if p.is_file()] == ["hand_off.json"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"files": "imod"}', '{"files": [1, "../out.txt", "imod"]}']
)
def test_a_damaged_manifest_removes_nothing(tmp_path: Path, picks: Picks, text: str):
    job = tmp_path / "job"
    job.mkdir()
    (job / "hand_off.json").write_text(text)
    (job / "imod").mkdir()
    (job / "imod" / "a.mod").write_text("mine")
    (tmp_path / "out.txt").write_text("mine")
    write_hand_off(job, picks, tomograms=tomograms(tmp_path))
    assert (job / "imod" / "a.mod").read_text() == "mine"
    assert (tmp_path / "out.txt").read_text() == "mine"


def test_the_same_call_gives_the_same_files(job: Path, tmp_path: Path, picks: Picks):
    def content():
        return {p: p.read_bytes() for p in job.rglob("*") if p.is_file()}

    options = {"tomograms": tomograms(tmp_path), "diameter_angstrom": 250.0}
    write_hand_off(job, picks, **options)
    first = content()
    write_hand_off(job, picks, **options)
    assert content() == first


def test_odd_names_become_safe_file_names(tmp_path: Path):
    names = ("TS 1;x", "TS 1:x", ".hidden", "TS_1.b4")
    assert file_stems(names) == {
        "TS 1;x": "TS_1_x",
        "TS 1:x": "TS_1_x-2",
        ".hidden": "hidden",
        "TS_1.b4": "TS_1.b4",
    }
    assert file_stems(["", "..."]) == {"": "particle", "...": "particle-2"}
    assert file_stems(["a_b", "a b"], joint="-") == {"a_b": "a-b", "a b": "a-b-2"}
    picks = random_picks(GRID, images=names)
    write_hand_off(tmp_path / "job", picks, tomograms=tomograms(tmp_path, names))
    for name, stem in file_stems(names).items():
        frame = Frame(grids={name: GRID}, image_name=name)
        found = read_picks(tmp_path / "job" / "imod" / f"{stem}.mod", frame).picks
        same_places(found, of(picks, name), 1e-3)
    table = read_star(tmp_path / "job" / "import_list.star").blocks[0]
    assert table.text("rlnTomoName").tolist() == list(names)


def test_what_does_not_fit(tmp_path: Path, picks: Picks):
    with pytest.raises(InputError, match=r"picks in 007, which is none of the tomograms"):
        write_hand_off(tmp_path, picks, tomograms=tomograms(tmp_path, ["rec_TS_1"]))
    flat = Picks.of([[1.0, 2.0]], image="m")
    with pytest.raises(InputError, match=r"expected 3D picks, got 2D"):
        write_hand_off(tmp_path, flat, tomograms={})
