import numpy as np
import pytest

from cryopick.errors import CryopickError, FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.jobs.select_inputs import frame_of, open_subject
from cryopick.jobs.select_params import SelectParams
from toy_particles import PIXEL, references
from toy_selection import N, write_micrograph_set, write_particle_set, write_pick_star

FRAME = Frame(pixel_size_angstrom=2.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    write_particle_set(folder)
    write_micrograph_set(folder)
    write_pick_star(folder)
    (folder / "picks.csv").write_text("image,x,y,score\na,10,20,0.5\nb,30,40,0.25\n")
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "n"),
    [
        ("particles.star", "particles", N),
        ("class_averages.star", "classes", 2),
        ("micrographs.star", "micrographs", 5),
        ("picks.star", "picks", 4),
        ("picks.csv", "picks", 2),
    ],
)
def test_a_file_is_known_by_its_columns(files, name, kind, n):
    subject = open_subject(str(files / name), FRAME)
    assert subject.kind == kind
    assert len(subject) == n


def test_columns_are_those_of_the_file_or_of_picks(files):
    particles = open_subject(str(files / "particles.star"), FRAME)
    np.testing.assert_allclose(
        particles.numbers("rlnDefocusU"), np.repeat([10000.0, 20000.0], N // 2)
    )
    assert particles.numbers("score").shape == (N,)
    csv = open_subject(str(files / "picks.csv"), FRAME)
    assert csv.numbers("score").tolist() == [0.5, 0.25]
    assert csv.numbers("x").tolist() == [20.0, 60.0]
    star = open_subject(str(files / "picks.star"), FRAME)
    assert star.numbers("myOwnColumn").tolist() == [7, 8, 9, 10]
    for subject in (particles, csv, star):
        with pytest.raises(InputError, match=r"no column foo; it has .*score"):
            subject.numbers("foo")
    with pytest.raises(InputError, match=r"no column foo; it has rlnMicrographName"):
        open_subject(str(files / "micrographs.star"), FRAME).numbers("foo")


def test_labels_are_classes(files):
    particles = open_subject(str(files / "particles.star"), FRAME)
    assert set(particles.labels()) == {"1", "2"}
    assert open_subject(str(files / "class_averages.star"), FRAME).labels() == ["1", "2"]
    with pytest.raises(InputError, match="these have no classes"):
        open_subject(str(files / "micrographs.star"), FRAME).labels()
    with pytest.raises(InputError, match="names no classes"):
        open_subject(str(files / "picks.csv"), FRAME).labels()
    with pytest.raises(InputError, match="holds no coordinates"):
        open_subject(str(files / "micrographs.star"), FRAME).read()


def test_particles_are_listed_by_place_and_stack(files, tmp_path):
    subject = open_subject(str(files / "particles.star"), FRAME)
    (files / "list.txt").write_text("# mine\n3@toy.mrcs\n\n000005@toy.mrcs\n")
    found = subject.listed(str(files / "list.txt"), FRAME)
    assert np.flatnonzero(found).tolist() == [2, 4]
    assert subject.listed(str(files / "particles.star"), FRAME).all()
    (tmp_path / "bad.txt").write_text("toy\n")
    with pytest.raises(InputError, match="expected NUMBER@STACK"):
        subject.listed(str(tmp_path / "bad.txt"), FRAME)
    (tmp_path / "other.txt").write_text("1@elsewhere.mrcs\n")
    with pytest.raises(InputError, match="names nothing of"):
        subject.listed(str(tmp_path / "other.txt"), FRAME)


def test_micrographs_are_listed_by_name(files, tmp_path):
    subject = open_subject(str(files / "micrographs.star"), FRAME)
    (tmp_path / "list.txt").write_text("other/mic1.tif\nmic3\n")
    assert np.flatnonzero(subject.listed(str(tmp_path / "list.txt"), FRAME)).tolist() == [1, 3]
    assert subject.listed(str(files / "micrographs.star"), FRAME).all()
    with pytest.raises(FormatError, match="no table with rlnMicrographName"):
        subject.listed(str(files / "class_averages.star"), FRAME)
    with pytest.raises(MissingFileError):
        subject.listed(str(tmp_path / "none.txt"), FRAME)


def test_classes_are_listed_by_number(files, tmp_path):
    subject = open_subject(str(files / "class_averages.star"), FRAME)
    (tmp_path / "list.txt").write_text("2\n")
    assert subject.listed(str(tmp_path / "list.txt"), FRAME).tolist() == [False, True]
    assert subject.listed(str(files / "class_averages.star"), FRAME).all()


def test_picks_are_listed_by_place(files, tmp_path):
    subject = open_subject(str(files / "picks.star"), FRAME)
    # In pixels of 2 Å: half a pixel off is the same pick, in another image it is not.
    (tmp_path / "list.csv").write_text("image,x,y\na,100.3,100\nb,300,300\n")
    found = subject.listed(str(tmp_path / "list.csv"), FRAME)
    assert np.flatnonzero(found).tolist() == [0]


def test_micrograph_files_are_found(files):
    paths = open_subject(str(files / "micrographs.star"), FRAME).micrograph_paths()
    assert [path.name for path in paths] == [f"mic{i}.mrc" for i in range(5)]
    with pytest.raises(InputError, match="no column rlnMicrographName"):
        open_subject(str(files / "class_averages.star"), FRAME).micrograph_paths()


def test_the_frame_is_what_the_user_says(files):
    params = SelectParams(
        input="x", image=[str(files / "mic1.mrc")], pixel_size_angstrom=3.0, classes="1"
    )
    frame = frame_of(params)
    assert frame.pixel_size_angstrom == 3.0
    assert frame.grids["mic1"].pixel_size_angstrom == 3.0
    assert frame.default_grid is not None


def test_other_files_are_refused(files, tmp_path):
    with pytest.raises(MissingFileError):
        open_subject(str(tmp_path / "none.star"), FRAME)
    (tmp_path / "odd.star").write_text("data_\nloop_\n_rlnVoltage\n300\n")
    with pytest.raises(FormatError, match="neither particles, picks, micrographs nor classes"):
        open_subject(str(tmp_path / "odd.star"), FRAME)
    write_mrc(tmp_path / "map.mrc", references()[0], PIXEL)
    with pytest.raises(CryopickError, match=r"map\.mrc"):
        len(open_subject(str(tmp_path / "map.mrc"), FRAME))
