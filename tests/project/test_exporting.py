"""Sets as STAR files: what is in them, and that they come back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.model import Defocus, Optics, Picks, TiltSeries
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.edit_log import edit
from cryopick.project.edits import Delete
from cryopick.project.exporting import export_set, frame_of, save_set
from cryopick.project.import_relion import import_relion
from cryopick.project.pick_table import insert_picks, read_picks_of, rows_of_image
from cryopick.project.set_star import set_blocks, tilt_series_block
from cryopick.project.store import Project, create_project
from project_maker import micrographs, project_with_picks


@pytest.fixture
def project(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as opened:
        yield opened


def test_picks_come_back_from_their_star(project: Project):
    path = save_set(project, "picks")
    assert path == project.folder / "sets" / "picks.star"
    found = read_picks(path, frame_of(project, project.get("picks"))).picks
    picks = read_picks_of(project, "picks")
    order, other = np.lexsort(found.position_angstrom.T), np.lexsort(picks.position_angstrom.T)
    np.testing.assert_allclose(
        found.position_angstrom[order], picks.position_angstrom[other], atol=1e-3 * 1.5
    )
    assert "id" not in found.extra


@pytest.mark.parametrize("size", [(1024, 1024, 512), (1023, 1023, 511)])
@pytest.mark.parametrize("binning", ["1", "2", "4"])
def test_tomogram_picks_come_back_in_relion_5(tmp_path: Path, size: tuple[int, ...], binning: str):
    rng = np.random.default_rng(5)
    position = rng.uniform(0, 1000, (6, 3))
    with create_project(tmp_path / "q") as project:
        member = Member(name="007", size_px=size, files={"binning": binning})
        tomograms = Dataset(
            name="t", kind=SetKind.TOMOGRAMS, ndim=3, members=(member,), pixel_size_angstrom=10.8
        )
        project.put(tomograms)
        picks = Dataset(
            name="picks", kind=SetKind.PICKS, ndim=3, members=(Member(name="007", size_px=size),),
            pixel_size_angstrom=10.8, precedents=("t",),
        )  # fmt: skip
        insert_picks(project, picks, Picks.of(position, image="007"))
        path = save_set(project, "picks")
        back = read_picks(path, frame_of(project, picks)).picks.position_angstrom
        np.testing.assert_allclose(back, position, atol=1e-3)
        unbinned = read_star(path).table_with("rlnTomoTiltSeriesPixelSize")
        assert unbinned is not None
        assert unbinned.number("rlnTomoTiltSeriesPixelSize")[0] == pytest.approx(
            10.8 / float(binning)
        )


def test_deleted_picks_go_out_only_when_asked_for(project: Project, tmp_path: Path):
    ids = [row.id for row in rows_of_image(project, "picks", "007")]
    edit(project, "picks", [Delete(id=ids[0], reason="edge")], session="s")
    edit(project, "picks", [Delete(id=ids[1], reason="duplicate")], session="s")
    frame = Frame(pixel_size_angstrom=1.5)

    def exported(which: str) -> Picks:
        path = tmp_path / f"{which}.csv"
        export_set(project, "picks", path, dialect="csv", which=which)  # pyright: ignore[reportArgumentType]
        return read_picks(path, frame, name="csv").picks

    assert len(exported("active")) == 10
    assert len(exported("all")) == 12
    gone = exported("deleted")
    assert len(gone) == 2
    assert sorted(gone.extra["cryopickReason"].tolist()) == ["duplicate", "edge"]


def test_picks_of_one_image(project: Project, tmp_path: Path):
    export_set(project, "picks", tmp_path / "a.csv", dialect="csv", image="1e5")
    found = read_picks(tmp_path / "a.csv", Frame(pixel_size_angstrom=1.5), name="csv").picks
    assert set(found.image.tolist()) == {"1e5"}
    with pytest.raises(InputError, match="holds micrographs; --to, --which and --image choose"):
        export_set(project, "micrographs", tmp_path / "m.star", dialect="csv")


def test_micrographs_come_back_through_relion_star(project: Project, tmp_path: Path):
    with_ctf = replace(
        micrographs("ctf"),
        members=tuple(
            replace(m, defocus=Defocus(u_um=1.5 + i / 8, v_um=1.25, astigmatism_angle_deg=30.0))
            for i, m in enumerate(micrographs().members)
        ),
        optics=Optics(voltage_kv=200.0, cs_mm=1.4, amplitude_contrast=0.1, group="g"),
    )
    project.put(with_ctf)
    done = import_relion(project, save_set(project, "ctf"), name="again")
    (again,) = done.datasets
    assert again.optics == with_ctf.optics
    assert again.pixel_size_angstrom == 1.5
    assert [(m.name, m.path, m.defocus) for m in again.members] == [
        (m.name, m.path, m.defocus) for m in with_ctf.members
    ]


def test_tomograms_come_back_through_relion_star(tmp_path: Path):
    dataset = Dataset(
        name="t",
        kind=SetKind.TOMOGRAMS,
        ndim=3,
        members=tuple(
            Member(name=n, path=f"/d/{n}.mrc", size_px=(1023, 1024, 511),
                   files={"binning": "4", "tilt_series": f"/d/{n}.star"})
            for n in ("007", "1e5")
        ),
        pixel_size_angstrom=5.4,
        optics=Optics(),
    )  # fmt: skip
    with create_project(tmp_path / "p") as project:
        project.put(dataset)
        (again,) = import_relion(project, save_set(project, "t"), name="again").datasets
    assert again == replace(dataset, name="again", pixel_size_angstrom=again.pixel_size_angstrom)
    assert again.pixel_size_angstrom == pytest.approx(5.4)


@pytest.mark.parametrize("kind", [k for k in SetKind if k is not SetKind.PICKS])
def test_every_kind_of_set_has_a_star(tmp_path: Path, kind: SetKind):
    members = (Member(name="007", path="a/007.mrc", count=3), Member(name="1e5", count=0))
    dataset = Dataset(name="s", kind=kind, ndim=3, members=members, pixel_size_angstrom=2.0)
    with create_project(tmp_path / "p") as project:
        project.put(dataset)
        star = read_star(save_set(project, "s"))
        block = star.blocks[-1]
        assert len(block) == 2
        texts = {str(v) for column in block.columns for v in block.text(column)}
        assert str(project.folder / "a/007.mrc") in texts or "007" in texts
        empty = replace(dataset, name="none", members=())
        project.put(empty)
        assert len(read_star(save_set(project, "none")).blocks) >= 1


def test_a_tilt_series_in_relion_units():
    series = TiltSeries(
        name="007",
        tilt_deg=np.array([-3.0, 0.0, 3.0]),
        exposure_e_per_a2=np.array([6.0, 0.0, 3.0]),
        defocus_u_um=np.array([2.5, 2.25, 2.0]),
        excluded=np.array([False, True, False]),
    )
    block = tilt_series_block(series)
    assert block.number("rlnDefocusU").tolist() == [25000, 20000]
    assert block.number("rlnMicrographPreExposure").tolist() == [6, 3]
    assert block.text("rlnMicrographName").tolist() == ["000001@007", "000003@007"]
    assert "rlnDefocusV" not in block


def test_defocus_known_for_some_only_is_left_out():
    dataset = micrographs()
    partly = replace(
        dataset,
        members=(replace(dataset.members[0], defocus=Defocus(u_um=1.0, v_um=1.0)),
                 *dataset.members[1:]),
    )  # fmt: skip
    block = set_blocks(partly, Path)[-1]
    assert "rlnDefocusU" not in block
    assert block.text("rlnMicrographName")[0] == "/data/007.mrc"


@pytest.mark.parametrize("ndim", [2, 3])
def test_no_picks_are_a_file_too(tmp_path: Path, ndim: int):
    member = Member(name="007", count=0, size_px=(40, 30, 20)[:ndim])
    dataset = Dataset(
        name="none", kind=SetKind.PICKS, ndim=ndim, members=(member,), pixel_size_angstrom=2.0
    )
    with create_project(tmp_path / "p") as project:
        insert_picks(project, dataset, Picks.empty(ndim))
        path = save_set(project, "none")
        found = read_picks(path, frame_of(project, dataset)).picks
        assert (len(found), found.ndim) == (0, ndim)


def test_groups_and_scores_survive_the_export(project: Project, tmp_path: Path):
    export_set(project, "picks", tmp_path / "a.csv", dialect="csv")
    found = read_picks(tmp_path / "a.csv", Frame(pixel_size_angstrom=1.5), name="csv").picks
    picks = read_picks_of(project, "picks")
    assert found.group is not None
    assert picks.group is not None
    assert sorted(found.group.tolist()) == sorted(picks.group.tolist())
    assert found.score is not None
    np.testing.assert_allclose(np.sort(found.score), np.linspace(0, 1, 12), atol=1e-5)


def test_an_export_replaces_the_old_file_whole(project: Project):
    path = save_set(project, "picks")
    before = path.read_bytes()
    edit(project, "picks", [Delete(id=rows_of_image(project, "picks", "007")[0].id)], session="s")
    assert path.read_bytes() == before
    save_set(project, "picks")
    assert path.read_bytes() != before
    assert sorted(p.name for p in path.parent.iterdir()) == ["picks.star"]
