"""Picks by name with the images of a set, whatever pixel size they were picked at."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.model.sets import Dataset, Member, SetKind, summary_in_words
from cryopick.project.import_picks import import_picks
from cryopick.project.pick_table import read_picks_of
from cryopick.project.store import Project, create_project
from shared_data import shared


@pytest.fixture
def project(tmp_path: Path):
    with create_project(tmp_path / "p") as opened:
        opened.put(
            Dataset(
                name="micrographs",
                kind=SetKind.MICROGRAPHS,
                members=tuple(Member(name=n, size_px=(401, 300)) for n in ("007", "1e5", "mic")),
                pixel_size_angstrom=2.0,
            )
        )
        yield opened


def csv(path: Path, *rows: str, header: str = "image,x,y") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_picks_become_angstrom(project: Project, tmp_path: Path):
    file = csv(tmp_path / "a.csv", "007.mrc,10,20", "1e5.mrc,0.5,7", "007.mrc,1,2")
    done = import_picks(project, [file])
    assert done.sentence == "picks: 3 picks from 2 of 3 micrographs"
    picks = read_picks_of(project, "picks")
    assert picks.image.tolist() == ["007", "1e5", "007"]
    np.testing.assert_allclose(picks.position_angstrom, [[20, 40], [1, 14], [2, 4]])
    assert project.get("picks").precedents == ("micrographs",)


@pytest.mark.parametrize("binning", [2.0, 4.0, 0.5, 1.7])
def test_picked_in_another_binning(project: Project, tmp_path: Path, binning: float):
    file = csv(tmp_path / "a.csv", "007,10,20")
    done = import_picks(project, [file], pixel_size_angstrom=2.0 * binning, box_size_px=50)
    found = read_picks_of(project, "picks").position_angstrom
    np.testing.assert_allclose(found, [[20 * binning, 40 * binning]])
    assert done.datasets[0].box_size_px == pytest.approx(50 * binning)
    assert done.datasets[0].pixel_size_angstrom == 2.0
    assert any("boxes are given at 2 Å/px" in line for line in done.assumed)


def test_files_that_do_not_name_their_image(project: Project, tmp_path: Path):
    (tmp_path / "boxes").mkdir()
    for name in ("007", "mic_autopick"):
        (tmp_path / "boxes" / f"{name}.box").write_text("10\t20\t40\t40\n50\t60\t40\t40\n")
    done = import_picks(project, [f"{tmp_path}/boxes/*.box"])
    dataset = done.datasets[0]
    assert {m.name: m.count for m in dataset.members} == {"007": 2, "1e5": 0, "mic": 2}
    assert dataset.box_size_px == 40
    assert summary_in_words(dataset) == "4 picks from 2 of 3 micrographs, box 40 px"


def test_words_behind_a_name_are_told(project: Project, tmp_path: Path):
    done = import_picks(project, [csv(tmp_path / "a.csv", "mic_DW.mrc,1,2")])
    assert "picks of mic_DW belong to image mic" in done.assumed
    assert read_picks_of(project, "picks").image.tolist() == ["mic"]


def test_picks_of_unknown_images_are_an_error_or_left_out(project: Project, tmp_path: Path):
    file = csv(tmp_path / "a.csv", "007,1,2", "other,3,4", "another,5,6", "other,7,8")
    with pytest.raises(InputError, match=r"a.csv: no image called another, other; the set has 007"):
        import_picks(project, [file])
    assert project.names() == ["micrographs"]
    done = import_picks(project, [file], skip_unmatched=True)
    assert len(done.datasets[0]) == 1
    assert "3 picks left out, no image called another, other" in done.warnings


def test_all_picks_left_out_is_an_empty_set(project: Project, tmp_path: Path):
    done = import_picks(project, [csv(tmp_path / "a.csv", "other,3,4")], skip_unmatched=True)
    assert summary_in_words(done.datasets[0]) == "0 picks from 3 micrographs"


def test_groups_are_kept_and_filled(project: Project, tmp_path: Path):
    file = csv(tmp_path / "a.csv", "007,1,2,003", "007,3,4,", header="image,x,y,group")
    import_picks(project, [file], name="kept")
    import_picks(project, [file], name="filled", group="1e5")
    kept, filled = read_picks_of(project, "kept"), read_picks_of(project, "filled")
    assert kept.group is not None
    assert kept.group.tolist() == ["003", ""]
    assert filled.group is not None
    assert filled.group.tolist() == ["003", "1e5"]
    bare = csv(tmp_path / "b.csv", "007,1,2")
    import_picks(project, [bare], name="bare", group="7")
    groups = read_picks_of(project, "bare").group
    assert groups is not None
    assert groups.tolist() == ["7"]


def test_which_images_must_be_clear(project: Project, tmp_path: Path):
    file = csv(tmp_path / "a.csv", "007,1,2")
    project.put(Dataset(name="more", kind=SetKind.MICROGRAPHS, members=(Member(name="007"),)))
    with pytest.raises(InputError, match=r"--images: name the set .* has micrographs, more"):
        import_picks(project, [file])
    assert import_picks(project, [file], images="micrographs").datasets[0].name == "picks"
    with (
        create_project(tmp_path / "q") as empty,
        pytest.raises(InputError, match="has none; import images first"),
    ):
        import_picks(empty, [file])


def test_three_dimensions_do_not_fit_two(project: Project, tmp_path: Path):
    file = csv(tmp_path / "a.csv", "007,1,2,3", header="image,x,y,z")
    with pytest.raises(InputError, match="3D picks, but the image is 2D"):
        import_picks(project, [file])
    unsized = Dataset(
        name="unsized",
        kind=SetKind.MICROGRAPHS,
        members=(Member(name="007"),),
        pixel_size_angstrom=2.0,
    )
    project.put(unsized)
    with pytest.raises(InputError, match="3D picks do not fit the micrographs of set unsized"):
        import_picks(project, [file], images="unsized")


def test_a_file_that_is_not_there(project: Project):
    with pytest.raises(
        MissingFileError, match="no such file or folder; check the name or the pattern"
    ):
        import_picks(project, ["nowhere.star"])


def test_genuine_expert_picks(tmp_path: Path):
    folder = shared("images/apoferritin_empiar10146")
    files = sorted(folder.glob("*_picks.csv"))
    members = tuple(Member(name=f.name.removesuffix("_picks.csv")) for f in files)
    with create_project(tmp_path / "p") as project:
        project.put(
            Dataset(name="m", kind=SetKind.MICROGRAPHS, members=members, pixel_size_angstrom=1.5)
        )
        done = import_picks(project, [f"{folder}/*_picks.csv"])
        expected = sum(len(f.read_text().split()) - 1 for f in files)
        assert len(done.datasets[0]) == expected > 100
