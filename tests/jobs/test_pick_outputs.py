"""What a picking job leaves behind, made from the items' own files without running a picker."""

import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import save_picks
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.jobs.pick_outputs import PICKS, collect_picks, open_for_picking
from cryopick.model import Grid, Picks, delete
from cryopick.run.job import Cost, Item

PIXEL = 5.0


def item(path, name=None, *, ndim=2, pixel=None):
    name = name or path.stem
    inputs = {"name": name, "path": str(path), "pixel_size_angstrom": pixel, "ndim": ndim}
    return Item(id=name, inputs=inputs, cost=Cost(memory_bytes=1, seconds=1.0))


def image(folder, name, shape=(40, 50)):
    pixels = np.random.default_rng(len(name)).normal(size=shape).astype(np.float32)
    write_mrc(folder / f"{name}.mrc", pixels, PIXEL)
    return folder / f"{name}.mrc"


def picks_of(name, place_px, score, *, dropped=()):
    place = np.asarray(place_px, dtype=float) * PIXEL
    picks = Picks.of(
        place,
        image=name,
        score=score,
        source="log",
        diameter_angstrom=np.full(len(place), 40.0),
        state="auto",
    )
    for index, reason in dropped:
        picks = delete(picks, np.arange(len(picks)) == index, reason=reason)
    return picks


def leave(folder, one, picks):
    (folder / "items" / one.id).mkdir(parents=True)
    save_picks(picks, folder / "items" / one.id / PICKS)


@pytest.fixture
def job(tmp_path):
    """Two micrographs with picks, one without any, one that failed."""
    folder = tmp_path / "out"
    items = [item(image(tmp_path, name)) for name in ("007", "1e5", "empty", "failed")]
    first = picks_of(
        "007",
        [[5, 6], [20, 30], [40, 10]],
        [3.0, 2.0, 0.5],
        dropped=[(2, "below threshold")],
    )
    second = picks_of("1e5", [[8, 9], [3, 3]], [4.0, 1.0], dropped=[(1, "edge")])
    none = replace(picks_of("empty", [[1, 1]], [1.0])[:0])
    for one, picks in zip(items, (first, second, none), strict=False):
        leave(folder, one, picks)
    return folder, items


def collect(folder, items, **more):
    return collect_picks(
        folder, items, thresholds={"007": 1.0, "1e5": 2.0}, next_command="cryopick x", **more
    )


def test_counts_thresholds_and_reasons(job):
    outcome = collect(*job)
    assert outcome.summary == {
        "picks": 3,
        "images": 3,
        "picks_per_image": {"007": 2, "1e5": 1, "empty": 0},
        "discarded": {"below threshold": 1, "edge": 1},
        "thresholds": {"007": 1.0, "1e5": 2.0},
    }
    assert outcome.sentence == "3 picks from 3 micrographs"
    assert list(outcome.warnings) == ["no picks in empty"]
    assert outcome.next_command == "cryopick x"
    assert outcome.files == {"picks": "picks.star", "discarded": "discarded.star"}


def test_the_star_holds_the_picks_under_the_names_that_were_given(job):
    folder, items = job
    collect(folder, items)
    block = read_star(folder / "picks.star").table_with("rlnMicrographName")
    assert block.text("rlnMicrographName").tolist() == [
        items[0].inputs["path"],
        items[0].inputs["path"],
        items[1].inputs["path"],
    ]
    assert block.number("rlnCoordinateX").tolist() == [5.0, 20.0, 8.0]
    assert block.number("rlnCoordinateY").tolist() == [6.0, 30.0, 9.0]
    assert block.number("rlnAutopickFigureOfMerit").tolist() == [3.0, 2.0, 4.0]


def test_what_was_discarded_can_be_looked_at(job):
    folder, items = job
    collect(folder, items)
    frame = Frame(default_grid=Grid(shape=(40, 50), pixel_size_angstrom=PIXEL))
    dropped = read_picks(folder / "discarded.star", frame).picks
    assert dropped.image.tolist() == ["007", "1e5"]
    np.testing.assert_allclose(dropped.position_angstrom, [[200, 50], [15, 15]])
    assert dropped.score.tolist() == [0.5, 1.0]


def test_figures_are_pictures(job):
    plots = collect(*job).plots
    assert [plot.title for plot in plots] == ["Scores", "Picks per image", "First image"]
    for plot in plots:
        assert plot.png is None
        assert re.match(r"<svg[^>]*>.*</svg>\s*$", plot.svg, re.DOTALL)
        ET.fromstring(plot.svg)
    assert plots[-1].caption == "007: 2 picks shown, bright circles score higher."


def test_the_histogram_shows_the_threshold(job):
    folder, items = job
    scores, per_image, picture = collect(folder, items).plots
    assert ">median threshold 1.5<" in scores.svg
    assert ">discarded<" in scores.svg
    same = collect_picks(folder, items, thresholds=dict.fromkeys("ab", 0.5), next_command="")
    assert ">threshold 0.5<" in same.plots[0].svg
    assert "<title>007: 2</title>" in per_image.svg
    assert picture.svg.count("<circle") == 2
    # Pick 0 at (5, 6) of 50 x 40 pixels, shown 880 pixels wide.
    assert f'cx="{5.5 * 880 / 50:.1f}" cy="{6.5 * 880 / 50:.1f}"' in picture.svg


def test_no_figure_of_picking_or_extraction_needs_matplotlib(tmp_path):
    """Its import and its drawing take longer than all the rest of the driver."""
    one = item(image(tmp_path, "a"))
    leave(tmp_path / "out", one, picks_of("a", [[5, 6]], [3.0]))
    code = """if True:
        import sys
        from pathlib import Path
        import numpy as np
        from cryopick.jobs import candidates, extract_particles, pick_log, pick_template
        from cryopick.jobs.extract_outputs import gallery_png, scatter_svg
        from cryopick.jobs.merit_plots import background_plot, micrographs_plot
        from cryopick.jobs.pick_outputs import collect_picks
        from cryopick.run.job import Cost, Item
        cost = Cost(memory_bytes=1, seconds=1.0)
        inputs = {"path": sys.argv[2], "name": "a", "ndim": 2, "pixel_size_angstrom": 5.0}
        item = Item(id="a", inputs=inputs, cost=cost)
        out = collect_picks(Path(sys.argv[1]), [item], thresholds={"a": 1.0}, next_command="")
        assert len(out.plots) == 2
        micrographs_plot({"a": 1}, {"a": 0.5}, {"a": 1.0})
        background_plot({"a": (0.1, 0.2)}, {"a": 1.0}, None)
        scatter_svg(np.ones(2), np.ones(2), x_name="mean", y_name="sd")
        gallery_png(np.ones((2, 8, 8), np.float32))
        found = {name.partition(".")[0] for name in sys.modules} & {"matplotlib", "torch"}
        assert not found, found
    """
    words = [sys.executable, "-c", code, str(tmp_path / "out"), one.inputs["path"]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_image_needs_no_plot_over_images(tmp_path):
    one = item(image(tmp_path, "a"))
    leave(tmp_path / "out", one, picks_of("a", [[5, 6]], [3.0]))
    outcome = collect_picks(tmp_path / "out", [one], thresholds={}, next_command="")
    assert [plot.title for plot in outcome.plots] == ["Scores", "First image"]
    assert outcome.sentence == "1 pick from 1 micrograph"
    assert outcome.files == {"picks": "picks.star"}
    assert list(outcome.warnings) == []


def test_when_every_item_failed_there_is_an_empty_list(tmp_path):
    (tmp_path / "out").mkdir()
    items = [item(image(tmp_path, "a")), item(image(tmp_path, "b"))]
    outcome = collect_picks(tmp_path / "out", items, thresholds={}, next_command="")
    assert outcome.summary["picks"] == outcome.summary["images"] == 0
    assert [plot.title for plot in outcome.plots] == ["Scores"]
    picks = read_picks(tmp_path / "out" / "picks.star", Frame(pixel_size_angstrom=1.0)).picks
    assert (len(picks), picks.ndim) == (0, 2)


def test_many_empty_images_are_cut_short(tmp_path):
    items = [item(image(tmp_path, f"m{i}")) for i in range(7)]
    for one in items:
        leave(tmp_path / "out", one, picks_of(one.id, [[1, 1]], [1.0])[:0])
    outcome = collect_picks(tmp_path / "out", items, thresholds={}, next_command="")
    assert list(outcome.warnings) == ["no picks in m0, m1, m2, m3, m4, ..."]


def test_tomograms_are_written_for_relion_5(tmp_path):
    path = image(tmp_path, "rec_1e5", (20, 30, 40))
    one = item(path, ndim=3)
    leave(tmp_path / "out", one, picks_of("rec_1e5", [[4, 5, 6], [9, 9, 10]], [1.0, 2.0]))
    outcome = collect_picks(tmp_path / "out", [one], thresholds={}, next_command="")
    assert outcome.sentence == "2 picks from 1 tomogram"
    block = read_star(tmp_path / "out" / "picks.star").block("particles")
    assert block.text("rlnTomoName").tolist() == ["1e5", "1e5"]
    # (4 - 40 / 2) * 5 Å, (5 - 30 / 2) * 5 Å, (6 - 20 / 2) * 5 Å
    centred = [block.number(f"rlnCenteredCoordinate{a}Angst")[0] for a in "XYZ"]
    assert centred == pytest.approx([-80.0, -50.0, -20.0])
    # The picture is the slab of 5 planes to either side of the middle, z = 10.
    assert outcome.plots[-1].caption.startswith("rec_1e5: 2 picks shown")


@pytest.mark.parametrize(("z", "shown"), [(4, 0), (5, 1), (10, 1), (15, 1), (16, 0)])
def test_the_picture_shows_the_picks_of_its_slab(tmp_path, z, shown):
    one = item(image(tmp_path, "t", (20, 30, 40)), ndim=3)
    leave(tmp_path / "out", one, picks_of("t", [[4, 5, z]], [1.0]))
    outcome = collect_picks(tmp_path / "out", [one], thresholds={}, next_command="")
    assert outcome.plots[-1].caption.startswith(f"t: {shown} picks shown")


def test_a_stack_is_not_searched(tmp_path):
    write_mrc(tmp_path / "s.mrcs", np.zeros((3, 8, 8)), PIXEL, stack=True)
    with pytest.raises(InputError, match=r"s\.mrcs: is a stack"):
        open_for_picking(item(tmp_path / "s.mrcs"))


def test_the_pixel_size_given_is_that_of_the_image(tmp_path):
    path = image(tmp_path, "a")
    assert open_for_picking(item(path)).grid.pixel_size_angstrom == PIXEL
    assert open_for_picking(item(path, pixel=2.5)).grid.pixel_size_angstrom == 2.5
