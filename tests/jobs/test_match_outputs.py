"""What ``match`` hands on: lists for other programs, surfaces, notes."""

import json

import numpy as np
import pytest

from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.jobs.match_outputs import _surface_level, collect_match, open_grid
from cryopick.jobs.pick_outputs import PICKS
from cryopick.model import active
from cryopick.run.job import Cost, Item
from small_match import PIXEL, match, particle, write_files


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two tomograms, the second one empty, with the tilt series at a third of the voxel."""
    place = tmp_path_factory.mktemp("outputs")
    files = write_files(place, name="007")
    rng = np.random.default_rng(3)
    empty = rng.normal(size=(40, 64, 64)).astype(np.float32)
    write_mrc(place / "empty.mrc", empty, PIXEL)
    outcome = match(
        files, place / "job", tomograms=[str(place / "007.mrc"), str(place / "empty.mrc")],
        cutoff=0.55,
    )  # fmt: skip
    return place / "job", outcome


def test_all_files_that_are_named_are_there(done):
    folder, outcome = done
    assert {"picks", "discarded", "import_list", "imod", "dynamo", "copick", "chimerax"} <= set(
        outcome.files
    )
    for name in outcome.files.values():
        assert (folder / name).exists()
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary["picks_per_image"] == {"007": 4, "empty": 0}
    assert summary["thresholds"] == {"007": 0.55, "empty": 0.55}
    assert summary["tilts"]["007"] == {"wedge_deg": [-60.0, 60.0]}
    assert any("bank of" in line for line in summary["notes"]["empty"])


def test_each_list_holds_the_same_picks(done):
    folder, _ = done
    mine = active(load_picks(folder / "items" / "007" / PICKS))
    grid = open_image(folder.parent / "007.mrc").grid
    frame = Frame(grids={"007": grid}, default_grid=grid, image_name="007")
    for path in ("picks.star", "particles/007.star", "imod/007.mod", "dynamo/007.tbl"):
        got = read_picks(folder / path, frame).picks
        np.testing.assert_allclose(
            got.position_angstrom, mine.position_angstrom, atol=0.1, err_msg=path
        )


def test_relion_can_import_the_list(done):
    folder, _ = done
    table = read_star(folder / "import_list.star").table_with("rlnTomoName")
    assert table.text("rlnTomoName").tolist() == ["007"]
    (file,) = table.text("rlnTomoImportParticleFile").tolist()
    assert (folder / file).is_file() or (folder.parent / file).is_file() or file.startswith("/")


def test_chimerax_opens_tomogram_list_and_surface(done):
    folder, _ = done
    script = next((folder / "chimerax").glob("*.cxc")).read_text("utf-8")
    assert "007.mrc" in script
    assert "particle.mrc" in script
    assert f"{_surface_level(particle()):.4g}"[:4] in script


@pytest.mark.parametrize("sign", [1, -1])
def test_the_surface_shows_the_particle_of_either_contrast(sign):
    from dataclasses import replace

    template = particle()
    turned = replace(template, density=sign * template.density)
    level = _surface_level(turned)
    inside = sign * turned.density > sign * level
    share = inside[template.mask > 0.5].mean()
    assert 0.05 < share < 0.7
    assert inside[template.mask == 0].mean() < 0.02
    assert level == pytest.approx(sign * _surface_level(template), rel=1e-5)


def test_an_item_that_failed_is_left_out(done, tmp_path):
    folder, _ = done
    inputs = {
        "path": str(folder.parent / "007.mrc"), "pixel_size_angstrom": None, "ndim": 3,
        "tilts": {}, "tilt_series_pixel_angstrom": 4.5,
    }  # fmt: skip
    items = [
        Item(id=name, inputs={**inputs, "name": name}, cost=Cost(memory_bytes=1, seconds=1))
        for name in ("007", "failed")
    ]
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "007").symlink_to(folder / "items" / "007")
    outcome = collect_match(
        tmp_path, items, templates=[particle()], template_paths=[folder.parent / "particle.mrc"],
        next_command="next",
    )  # fmt: skip
    assert outcome.summary["picks"] == 4
    assert list(outcome.summary["notes"]) == ["007"]
    assert outcome.next_command == "next"
    # The pixel size of the tilt series, not of the tomogram, is what RELION asks for.
    table = read_star(tmp_path / "picks.star").table_with("rlnTomoTiltSeriesPixelSize")
    assert set(table.number("rlnTomoTiltSeriesPixelSize").tolist()) == {4.5}
    assert open_grid(items[0]).shape == (40, 64, 64)
