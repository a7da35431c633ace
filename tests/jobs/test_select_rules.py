import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.particles import read_particles, write_particles
from cryopick.io.star import read_star
from cryopick.io.star_write import write_star
from cryopick.jobs.select_inputs import frame_of, open_subject
from cryopick.jobs.select_params import SelectParams
from cryopick.jobs.select_rules import choose, groups_of, parts_of, wanted_classes
from toy_selection import N, write_micrograph_set, write_particle_set, write_pick_star


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    write_particle_set(folder)
    write_micrograph_set(folder)
    write_pick_star(folder)
    return folder


def chosen(files, name="particles.star", **asked):
    params = SelectParams(input=str(files / name), **asked)
    frame = frame_of(params)
    subject = open_subject(params.input, frame)
    return subject, params, choose(subject, params, frame)


def test_limits_of_columns(files):
    subject, _, choice = chosen(files, where=["rlnDefocusU:15000:", "score::0.5"])
    defocus, score = subject.numbers("rlnDefocusU"), subject.numbers("score")
    np.testing.assert_array_equal(choice.kept, (defocus >= 15000) & (score <= 0.5))
    assert choice.counts()["below threshold"] == N // 2


@pytest.mark.parametrize(
    ("asked", "classes"),
    [
        ({"classes": "2"}, {2}),
        ({"classes": "1-2"}, {1, 2}),
        ({"reject_classes": "2"}, {1}),
        ({"class_averages": "class_averages.star"}, {1}),
        ({"class_averages": "class_averages.star", "min_class_score": 0.1}, {1, 2}),
        ({"class_averages": "class_averages.star", "min_class_score": 0.5}, {1}),
        ({"class_averages": "class_averages.star", "classes": "2", "min_class_score": 0.5}, set()),
        ({"class_averages": "class_averages.star", "classes": "2"}, {2}),
    ],
)
def test_classes(files, asked, classes):
    if "class_averages" in asked:
        asked = {**asked, "class_averages": str(files / asked["class_averages"])}
    subject, params, choice = chosen(files, **asked)
    assert wanted_classes(subject, params) == classes
    wanted = [text in {str(c) for c in classes} for text in subject.labels()]
    assert choice.kept.tolist() == wanted


def test_class_averages_choose_among_themselves(files):
    _, _, choice = chosen(files, "class_averages.star", min_class_score=0.5)
    assert choice.reason.tolist() == ["", "class rejected"]
    _, _, choice = chosen(files, "class_averages.star", where=["rlnClassScore::0.5"])
    assert choice.reason.tolist() == ["above threshold", ""]


@pytest.mark.parametrize(
    ("name", "asked", "problem"),
    [
        ("particles.star", {"classes": "3"}, "--classes: there is no class 3; the highest is 2"),
        ("particles.star", {"min_class_score": 0.5}, "give --class-averages"),
        ("class_averages.star", {"class_averages": "x.star"}, "holds class averages already"),
        ("micrographs.star", {"min_distance_angstrom": 5.0}, "holds micrographs, without pos"),
        ("micrographs.star", {"classes": "1"}, "these have no classes"),
        ("picks.star", {"max_image_deviation_sd": 4.0}, "holds picks, not images"),
        ("particles.star", {"where": ["nothing:1:2"]}, "no column nothing"),
    ],
)
def test_wishes_that_a_file_cannot_meet(files, name, asked, problem):
    with pytest.raises(InputError, match=problem):
        chosen(files, name, **asked)


def test_averages_without_ranks(files, tmp_path):
    star = read_star(files / "class_averages.star")
    block = star.blocks[-1]
    columns = {k: v for k, v in block.columns.items() if k not in ("rlnClassScore", "rlnSelected")}
    from cryopick.io.star_block import star_block

    write_star(tmp_path / "plain.star", [star_block("", {k: list(v) for k, v in columns.items()})])
    plain = str(tmp_path / "plain.star")
    with pytest.raises(InputError, match="marks no classes as selected"):
        chosen(files, class_averages=plain)
    with pytest.raises(InputError, match=r"has no scores \(rlnClassScore\)"):
        chosen(files, class_averages=plain, min_class_score=0.1)


def test_image_statistics_of_micrographs_and_particles(files, tmp_path):
    write_micrograph_set(tmp_path, n=14)
    _, _, choice = chosen(tmp_path, "micrographs.star", max_image_deviation_sd=3.2)
    assert choice.reason.tolist() == [""] * 13 + ["image statistics"]
    _, _, choice = chosen(files, max_image_deviation_sd=50.0)
    assert choice.kept.all()


def test_duplicates_of_picks_keep_the_better(files):
    asked = {"min_distance_angstrom": 30.0, "pixel_size_angstrom": 2.0}
    _, _, choice = chosen(files, "picks.star", **asked)
    assert choice.reason.tolist() == ["duplicate", "", "", ""]
    _, _, choice = chosen(files, "picks.star", **asked, better="rlnCoordinateX")
    assert choice.reason.tolist() == ["duplicate", "", "", ""]
    # A row that another rule rejected does not push out its neighbour.
    _, _, choice = chosen(files, "picks.star", **asked, classes="1")
    assert choice.reason.tolist() == ["", "class rejected", "", "class rejected"]


def test_duplicates_of_particles_lie_where_their_shifts_say(files, tmp_path):
    particles = read_particles(files / "particles.star")[:2]
    particles.picks.position_angstrom[:] = [[1000.0, 1000.0], [1050.0, 1000.0]]
    particles.shift_angstrom[:] = [[-45.0, 0.0], [0.0, 0.0]]
    particles.picks.image[:] = particles.picks.image[0]
    extra = {k: v for k, v in particles.picks.extra.items() if k != "rlnMicrographName"}
    from dataclasses import replace

    write_particles(
        tmp_path / "p.star", replace(particles, picks=replace(particles.picks, extra=extra))
    )
    # Shown 45 Å right of its box, the first is 5 Å from the second.
    _, _, choice = chosen(tmp_path, "p.star", min_distance_angstrom=10.0)
    assert int(choice.kept.sum()) == 1


def test_lists(files, tmp_path):
    (tmp_path / "l.txt").write_text("mic1\nmic2\n")
    _, _, choice = chosen(files, "micrographs.star", keep=str(tmp_path / "l.txt"))
    assert choice.kept.tolist() == [False, True, True, False, False]
    _, _, choice = chosen(files, "micrographs.star", reject=str(tmp_path / "l.txt"))
    assert choice.reason.tolist() == ["", "manual", "manual", "", ""]


def test_what_was_deleted_stays_deleted(files, tmp_path):
    text = (files / "picks.star").read_text().replace("_myOwnColumn", "_cryopickState")
    text = text.replace(" 009", " deleted").replace(" 007", " auto")
    (tmp_path / "picks.star").write_text(text.replace(" 008", " auto").replace(" 010", " auto"))
    _, _, choice = chosen(tmp_path, "picks.star", where=["score:0.6:"], pixel_size_angstrom=2.0)
    assert choice.reason.tolist() == ["below threshold", "", "manual", ""]


def test_parts_are_of_what_is_kept(files):
    _, params, choice = chosen(files, where=["rlnDefocusU:15000:"], split_parts=4)
    part = parts_of(choice, params)
    assert (part[~choice.kept] == -1).all()
    assert np.bincount(part[choice.kept]).tolist() == [4, 4, 4, 3]
    _, params, choice = chosen(files, split_size=20, split_order="as-is")
    np.testing.assert_array_equal(parts_of(choice, params), np.arange(N) // 20)
    _, params, choice = chosen(files, classes="1")
    assert (parts_of(choice, params) == -1).all()


def test_groups_are_of_like_micrographs(files, tmp_path):
    subject, params, choice = chosen(files, regroup=2, classes="1")
    group = groups_of(subject, choice, params)
    assert (group[~choice.kept] == -1).all()
    image = subject.particles.picks.image
    for name in np.unique(image):
        assert len(set(group[choice.kept & (image == name)].tolist())) == 1
    subject, params, choice = chosen(files, classes="1")
    assert groups_of(subject, choice, params) is None
    subject, params, choice = chosen(files, "micrographs.star", regroup=2)
    with pytest.raises(InputError, match="holds no particles"):
        groups_of(subject, choice, params)
