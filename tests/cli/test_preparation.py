"""Templates and masks from the command line: what is written, what is said, what is refused."""

import json

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.io.images import open_image, write_mrc
from cryopick.simulate.maps import load_map


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepare")
    write_mrc(folder / "apo.mrc", np.pad(load_map("apoferritin", 6.0).density, 6), 6.0)
    rng = np.random.default_rng(0)
    slab = rng.normal(size=(48, 64, 64)) * np.where(np.arange(48) // 16 == 1, 3, 1)[:, None, None]
    write_mrc(folder / "TS_1.mrc", slab.astype(np.float32), 10.0)
    return folder


def _json(words, capsys):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_template(folder, tmp_path, capsys):
    words = ["template", "--map", str(folder / "apo.mrc"), "--pixel-size", "10", "--box", "24"]
    words += ["--low-pass", "30", "--invert", "--center", "--mirror", "-o", str(tmp_path / "T")]
    answer = _json(words, capsys)
    facts = answer["templates"]["apo"]
    assert (facts["box_px"], facts["low_pass_angstrom"]) == (24, 30.0)
    assert facts["contrast"] == "dark"
    image = open_image(tmp_path / "T" / "apo.mrc")
    assert image.grid.size_px == (24, 24, 24)
    assert image.grid.pixel_size_angstrom == 10.0
    assert (tmp_path / "T" / "apo_mask.mrc").is_file()
    assert "apo: template" in (tmp_path / "T" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "inside"),
    [
        (["sphere", "--box", "32", "--pixel-size", "10", "--radius", "80"], 2109),
        (["sphere", "--box", "32", "--radius-px", "8", "--soft-edge-px", "0"], 2109),
        (["ellipsoid", "--box", "32", "--radii-px", "10", "8", "6", "--soft-edge-px", "0"], 1989),
        (["cylinder", "--box", "32", "--radius-px", "6", "--height-px", "11",
          "--soft-edge-px", "0"], 1243),
    ],
)  # fmt: skip
def test_masks(words, inside, tmp_path, capsys):
    answer = _json(["mask", *words, "-o", str(tmp_path / "m")], capsys)
    mask = open_image(tmp_path / "m" / "mask.mrc", pixel_size_angstrom=1.0).read()
    assert answer["voxels_inside"] == np.count_nonzero(mask >= 0.5)
    # A Gaussian edge of 1 px is above a half for one voxel more.
    assert inside * 0.97 < answer["voxels_inside"] < inside * 1.6


def test_a_slab(folder, tmp_path, capsys):
    words = ["mask", "slab", str(folder / "TS_1.mrc"), "--box-size", "80", "--border", "50"]
    answer = _json([*words, "-o", str(tmp_path / "s")], capsys)
    assert answer["tomograms"]["TS_1"]["thickness_angstrom"] == pytest.approx(160, abs=45)
    assert open_image(tmp_path / "s" / "masks" / "TS_1.mrc").read()[24, 5:-5, 5:-5].min() == 1
    assert main([*words, "--measure", "-o", str(tmp_path / "t")]) == 0
    assert "thickness of the ice: TS_1: 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["template", "--map", "{}/apo.mrc", "--pixel-size", "3"], "finer than the 6 Å"),
        (["template", "--map", "{}/none.mrc", "--pixel-size", "9"], "no such file"),
        (["template", "--map", "{}/apo.mrc", "--pixel-size", "9", "--box", "2"], "--box"),
        (["mask", "sphere", "--box", "32"], "--radius: is missing"),
        (["mask", "ellipsoid", "--box", "32"], "--radii: is missing"),
        (["mask", "cylinder", "--box", "32", "--radius-px", "4"], "--height: is missing"),
        (["mask", "tight", "--map", "{}/apo.mrc", "--threshold", "much"], "--threshold"),
        (["mask", "slab", "{}/TS_1.mrc", "--percentile", "100"], "--percentile"),
        (["mask", "slab", "{}/TS_1.mrc", "--points", "{}/none.txt"], "no such file"),
    ],
)
def test_wrong_usage_is_one_line(words, text, folder, tmp_path, capsys):
    words = [word.format(folder) for word in words]
    assert main([*words, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert text in error
    assert "\n" not in error
    assert error.startswith("cryopick: ")
