"""What both simulation jobs share: names, maps, handing out, truth on disk, pictures, warnings."""

import os
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError, MissingFileError
from cryopick.geometry.euler import relion_from_quaternion
from cryopick.geometry.rotation import angle_between_deg, random_rotations
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import save_picks
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.jobs.simulated_images import (
    check_maps,
    counts_by_label,
    done_items,
    hand_out,
    joined_truth,
    map_names,
    numbered,
    picture,
    shortfall,
    write_truth,
)
from cryopick.model import Grid, Picks
from cryopick.run.job import Cost, Item


def items(*names):
    cost = Cost(memory_bytes=1, seconds=1.0)
    return [Item(id=name, inputs={"name": name}, cost=cost) for name in names]


def picks(n, ndim, *, image="mic_01", seed=0):
    rng = np.random.default_rng(seed)
    return Picks.of(
        rng.uniform(50, 900, (n, ndim)),
        image=image,
        orientation=random_rotations(n, rng=rng),
        label=np.where(np.arange(n) % 3 == 0, "capsid", "spike"),
        diameter_angstrom=np.full(n, 120.0),
        source="truth",
    )


@given(st.integers(1, 2000))
def test_names_sort_as_they_count(count):
    names = numbered("tomo", count)
    assert len(names) == len(set(names)) == count
    assert names == sorted(names)
    assert len({len(name) for name in names}) == 1
    assert names[0].endswith("1")


def test_maps_are_called_by_their_shape_or_their_file(tmp_path):
    assert map_names(["spike", str(tmp_path / "emd_1e5.map.gz")]) == ["spike", "emd_1e5"]


def test_two_files_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ribo.mrc").touch()
    paths = [str(tmp_path / folder / "ribo.mrc") for folder in ("a", "b")]
    check_maps(paths[:1], field="--map")
    with pytest.raises(InputError, match=r"--map: .*more than one map would be called ribo"):
        check_maps(paths, field="--map")
    (tmp_path / "spike.mrc").touch()
    with pytest.raises(InputError, match="would be called spike"):
        check_maps(["spike", str(tmp_path / "spike.mrc")], field="--map")
    with pytest.raises(MissingFileError, match=r"--map: give a file or one of ribosome"):
        check_maps([str(tmp_path)], field="--map")


@pytest.mark.parametrize("links", [True, False])
def test_handed_out_files_are_the_items_own(tmp_path, monkeypatch, links):
    todo = items("mic_01", "mic_02")
    for item in todo:
        folder = tmp_path / "items" / item.id / "deep"
        folder.mkdir(parents=True)
        (folder / f"{item.id}.txt").write_text(item.id)
    if not links:

        def refuse(*_):
            raise OSError("no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):  # handing out again replaces, as after a resume
        hand_out(tmp_path, todo, into="all", files=["{id}.txt"], out_of="deep")
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["mic_01.txt", "mic_02.txt"]
    assert (tmp_path / "all" / "mic_02.txt").read_text() == "mic_02"
    source = tmp_path / "items" / "mic_01" / "deep" / "mic_01.txt"
    assert (tmp_path / "all" / "mic_01.txt").samefile(source) is links


def test_only_items_that_left_their_truth_are_done_and_joined(tmp_path):
    todo = items("mic_01", "mic_02", "mic_03")
    for name, n in (("mic_01", 4), ("mic_03", 2)):
        (tmp_path / "items" / name).mkdir(parents=True)
        save_picks(picks(n, 2, image=name), tmp_path / "items" / name / "truth.npz")
    done = done_items(tmp_path, todo)
    assert [item.id for item in done] == ["mic_01", "mic_03"]
    joined = joined_truth(tmp_path, done, ndim=2)
    assert joined.image.tolist() == ["mic_01"] * 4 + ["mic_03"] * 2
    assert len(joined_truth(tmp_path, [], ndim=3)) == 0
    assert joined_truth(tmp_path, [], ndim=3).ndim == 3


def test_truth_in_micrographs_keeps_the_whole_pose(tmp_path):
    true = picks(9, 2)
    grid = Grid(shape=(300, 300), pixel_size_angstrom=4.0)
    files = write_truth(true, tmp_path, stem="truth", grid=grid)
    assert files == {"truth": "truth.csv", "truth_star": "truth.star"}
    angles = relion_from_quaternion(true.orientation)
    block = read_star(tmp_path / "truth.star").table_with("rlnCoordinateX")
    for name, column in zip(("Rot", "Tilt", "Psi"), angles.T, strict=True):
        got = block.number(f"rlnAngle{name}")
        np.testing.assert_allclose((got - column + 180) % 360 - 180, 0, atol=1e-3)
    # Positions are pixels in the file, counted from the centre of the first.
    x = block.number("rlnCoordinateX")
    np.testing.assert_allclose(x, true.position_angstrom[:, 0] / 4.0, atol=1e-3)


@pytest.mark.parametrize("shape", [(60, 90, 100), (61, 91, 99)])
def test_truth_in_tomograms_comes_back_from_both_files(tmp_path, shape):
    true = picks(9, 3, image="007")
    grid = Grid(shape=shape, pixel_size_angstrom=10.0)
    for file in write_truth(true, tmp_path, stem="gold", grid=grid).values():
        got = read_picks(
            tmp_path / file, Frame(default_grid=grid, tilt_series_pixel_angstrom=10.0)
        ).picks
        np.testing.assert_allclose(got.position_angstrom, true.position_angstrom, atol=0.01)
        assert angle_between_deg(got.orientation, true.orientation).max() < 1e-3
        assert set(got.image) == {"007"}
        assert got.label.tolist() == true.label.tolist()


def test_truth_of_nothing_is_written_too(tmp_path):
    for ndim in (2, 3):
        grid = Grid(shape=(40,) * ndim, pixel_size_angstrom=5.0)
        for file in write_truth(Picks.empty(ndim), tmp_path, stem=f"t{ndim}", grid=grid).values():
            got = read_picks(
                tmp_path / file, Frame(default_grid=grid, tilt_series_pixel_angstrom=5.0)
            ).picks
            assert len(got) == 0


def test_counts_and_warnings_name_each_species():
    assert counts_by_label(picks(9, 2)) == {"capsid": 3, "spike": 6}
    assert counts_by_label(Picks.empty(2)) == {}
    told = shortfall({"capsid": 3, "spike": 2000, "channel": 5}, {"capsid": 3, "spike": 1234})
    assert told == [
        "spike: only 1,234 of 2,000 found room; ask for fewer, a larger image or a smaller --gap",
        "channel: only 0 of 5 found room; ask for fewer, a larger image or a smaller --gap",
    ]
    assert shortfall({}, {"capsid": 3}) == []


@pytest.mark.parametrize("shape", [(100, 160), (2101, 1203)])
def test_the_picture_shows_the_image_with_circles_at_the_truth(shape):
    grid = Grid(shape=shape, pixel_size_angstrom=4.0)
    plane = np.random.default_rng(0).normal(size=shape).astype(np.float32) * 0.01
    centre = np.array([[shape[1] * 2.0, shape[0] * 2.0]])
    truth = Picks.of(centre, image="m", label="spike", diameter_angstrom=[shape[0] * 2.0])
    made = picture(plane, truth, grid=grid, title="T", caption="C")
    assert (made.title, made.caption) == ("T", "C")
    root = ET.fromstring(made.svg)
    (view,) = root.findall("{*}svg")
    width, height = float(view.get("width")), float(view.get("height"))
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.02)
    (circle,) = view.iter("{http://www.w3.org/2000/svg}circle")
    x, y, radius = (float(circle.get(name)) for name in ("cx", "cy", "r"))
    # A circle of a quarter of the height about the middle.
    scale = height / shape[0]
    assert (x, y) == pytest.approx((width / 2, height / 2), abs=scale + 1)
    assert radius == pytest.approx(height / 4, rel=0.01)
    assert [text.text for text in root.findall("{*}text")] == ["spike"]


def test_every_species_has_its_colour():
    grid = Grid(shape=(64, 64), pixel_size_angstrom=4.0)
    labels = ["b", "a", "b"]
    truth = Picks.of(np.full((3, 2), 100.0), image="m", label=labels, diameter_angstrom=[9.0] * 3)
    made = picture(np.eye(64, dtype=np.float32), truth, grid=grid, title="", caption="")
    root = ET.fromstring(made.svg)
    groups = [g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("stroke")]
    assert [len(group) for group in groups] == [1, 2]  # a, then b
    keys = [rect.get("fill") for rect in root.findall("{*}rect")]
    assert keys == [group.get("stroke") for group in groups]
    assert len(set(keys)) == 2


def test_a_picture_without_particles_and_without_contrast():
    grid = Grid(shape=(64, 64), pixel_size_angstrom=4.0)
    made = picture(np.zeros((64, 64), np.float32), Picks.empty(2), grid=grid, title="", caption="")
    assert made.svg.startswith("<svg")
