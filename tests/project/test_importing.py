"""Images as sets: names, sizes, pixel sizes, origins, pairs."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.images import write_mrc
from cryopick.model.sets import Acquisition, SetKind, summary_in_words
from cryopick.project.importing import import_images, import_tilt_pairs
from cryopick.project.store import Project, create_project
from project_maker import forget_writer
from shared_data import shared


@pytest.fixture
def project(tmp_path: Path):
    with create_project(tmp_path / "p") as opened:
        yield opened


def images(folder: Path, *names: str, shape: tuple[int, ...] = (6, 8), size: float = 1.5) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        write_mrc(folder / f"{name}.mrc", np.zeros(shape, np.float32), size)
    return folder


def test_micrographs_know_their_size_and_pixel_size(project: Project, tmp_path: Path):
    folder = images(tmp_path / "m", "007", "1e5")
    done = import_images(project, [folder], kind=SetKind.MICROGRAPHS)
    (dataset,) = done.datasets
    assert project.get("micrographs") == dataset
    assert [m.name for m in dataset.members] == ["007", "1e5"]
    assert dataset.members[0].size_px == (8, 6)
    assert dataset.pixel_size_angstrom == pytest.approx(1.5)
    assert dataset.grids()["007"].shape == (6, 8)
    assert done.sentence == "micrographs: 2 micrographs, 1.5 Å/px"


def test_tomograms_with_acquisition_and_group(project: Project, tmp_path: Path):
    folder = images(tmp_path / "t", "TS_01", shape=(5, 6, 7), size=10.0)
    acquisition = Acquisition(tilt_min_deg=-60, tilt_max_deg=60, tilt_step_deg=3)
    done = import_images(
        project, [folder], kind=SetKind.TOMOGRAMS, acquisition=acquisition, group="grid 3"
    )
    (dataset,) = done.datasets
    assert dataset.ndim == 3
    assert dataset.acquisition == acquisition
    assert dataset.members[0].size_px == (7, 6, 5)
    assert dataset.members[0].group == "grid 3"


def test_the_three_origins(project: Project, tmp_path: Path):
    (tmp_path / "t").mkdir()
    path = tmp_path / "t" / "binned.mrc"
    write_mrc(path, np.zeros((4, 4, 4), np.float32), 8.0, origin_angstrom=(1.0, 2.0, 3.0))

    def origin(**given: object) -> tuple[float, ...]:
        done = import_images(project, [path], kind=SetKind.TOMOGRAMS, **given)  # pyright: ignore[reportArgumentType]
        return done.datasets[0].members[0].origin_angstrom

    assert origin() == (1.0, 2.0, 3.0)  # cryopick's own label counts
    assert origin(origin=(4.0, 5.0, 6.0)) == (4.0, 5.0, 6.0)
    data = bytearray(path.read_bytes())
    data[196:208] = np.array([7.0, 8.0, 9.0], "<f4").tobytes()
    path.write_bytes(data)
    assert origin(origin="header") == (7.0, 8.0, 9.0)
    with pytest.raises(InputError, match="--origin: expected 3 numbers, got 2"):
        origin(origin=(1.0, 2.0))


def test_an_image_without_header_has_no_header_origin(project: Project):
    path = shared("images/apoferritin_empiar10146")
    pngs = sorted(path.glob("*.bin_avg.png")) or sorted(path.glob("*.png"))
    with pytest.raises(InputError, match="holds no usable origin; use --origin centre"):
        import_images(
            project, pngs[:1], kind=SetKind.MICROGRAPHS, pixel_size_angstrom=1.5, origin="header"
        )


def test_a_set_has_one_pixel_size(project: Project, tmp_path: Path):
    folder = images(tmp_path / "m", "a", size=1.5)
    images(folder, "b", size=1.6)
    with pytest.raises(
        InputError, match=r"b.mrc: pixel size 1.6 Å, but the images before .* 1.5 Å"
    ):
        import_images(project, [folder], kind=SetKind.MICROGRAPHS)
    assert project.names() == []
    done = import_images(project, [folder], kind=SetKind.MICROGRAPHS, pixel_size_angstrom=1.55)
    assert done.datasets[0].pixel_size_angstrom == 1.55


def test_a_doubtful_pixel_size_warns_once(project: Project, tmp_path: Path):
    folder = images(tmp_path / "m", "a", "b", "c", size=1.0)
    for path in folder.iterdir():
        forget_writer(path)
    done = import_images(project, [folder], kind=SetKind.MICROGRAPHS)
    assert len(done.warnings) == 1
    assert "often a default" in done.warnings[0]
    assert done.warnings[0].endswith("(3 images)")
    sure = import_images(project, [folder], kind=SetKind.MICROGRAPHS, pixel_size_angstrom=1.0)
    assert sure.warnings == ()


def test_no_pixel_size_at_all_is_asked_for(project: Project, tmp_path: Path):
    from PIL import Image as Picture

    Picture.fromarray(np.zeros((6, 8), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a.png: holds no usable pixel size; give --pixel-size"):
        import_images(project, [tmp_path / "a.png"], kind=SetKind.MICROGRAPHS)
    done = import_images(
        project, [tmp_path / "a.png"], kind=SetKind.MICROGRAPHS, pixel_size_angstrom=2.0
    )
    assert summary_in_words(done.datasets[0]) == "1 micrograph, 2 Å/px"


def test_a_volume_is_no_micrograph_and_the_other_way_round(project: Project, tmp_path: Path):
    flat, deep = images(tmp_path / "m", "a"), images(tmp_path / "t", "b", shape=(3, 4, 5))
    with pytest.raises(InputError, match=r"b.mrc: 5 x 4 x 3 px is a volume or stack, expected one"):
        import_images(project, [deep], kind=SetKind.MICROGRAPHS)
    with pytest.raises(InputError, match=r"a.mrc: 8 x 6 px is one image, expected a volume"):
        import_images(project, [flat], kind=SetKind.TOMOGRAMS)
    with pytest.raises(InputError, match="kind picks: use one of micrographs"):
        import_images(project, [flat], kind=SetKind.PICKS)


def test_a_damaged_file_is_named_and_nothing_is_kept(project: Project, tmp_path: Path):
    folder = images(tmp_path / "m", "a", "b")
    (folder / "b.mrc").write_bytes((folder / "b.mrc").read_bytes()[:1100])
    with pytest.raises(FormatError, match=r"b\.mrc"):
        import_images(project, [folder], kind=SetKind.MICROGRAPHS)
    assert project.names() == []


def test_pairs_in_the_order_of_their_names(project: Project, tmp_path: Path):
    untilted = images(tmp_path / "u", "a0", "b0")
    tilted = images(tmp_path / "t", "a50", "b50")
    done = import_tilt_pairs(project, [untilted], [tilted])
    (dataset,) = done.datasets
    assert summary_in_words(dataset) == "2 tilt pairs, 1.5 Å/px"
    assert [m.files["tilted_name"] for m in dataset.members] == ["a50", "b50"]
    assert done.assumed == ("pairs are in the order of their names: a0 with a50",)


def test_pairs_by_what_stands_for_ts(project: Project, tmp_path: Path):
    untilted = images(tmp_path / "u", "x_u", "y_u")
    tilted = images(tmp_path / "t", "y_t", "x_t")
    done = import_tilt_pairs(project, [f"{untilted}/{{TS}}_u.mrc"], [f"{tilted}/{{TS}}_t.mrc"])
    assert {m.name: m.files["tilted_name"] for m in done.datasets[0].members} == {
        "x": "x_t",
        "y": "y_t",
    }
    images(untilted, "z_u")
    with pytest.raises(InputError, match="tilt pairs: no tilted image for z"):
        import_tilt_pairs(project, [f"{untilted}/{{TS}}_u.mrc"], [f"{tilted}/{{TS}}_t.mrc"])


def test_pairs_that_do_not_come_out_even(project: Project, tmp_path: Path):
    untilted, tilted = images(tmp_path / "u", "a", "b"), images(tmp_path / "t", "a")
    with pytest.raises(InputError, match="2 untilted and 1 tilted images"):
        import_tilt_pairs(project, [untilted], [tilted])
    with pytest.raises(InputError, match=r"the tilted images: pixel size 3 Å"):
        import_tilt_pairs(project, [untilted], [images(tmp_path / "x", "a", "b", size=3.0)])


def test_genuine_micrographs(project: Project):
    folder = shared("images/apoferritin_empiar10146")
    done = import_images(
        project,
        [f"{folder}/*bin_avg.png"],
        kind=SetKind.MICROGRAPHS,
        pixel_size_angstrom=1.5,
        exclude=["GT_"],
    )
    assert len(done.datasets[0]) == len(list(folder.glob("*bin_avg.png"))) > 0
