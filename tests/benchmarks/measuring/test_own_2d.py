"""Our commands get the words they need, and the map is the particle of the micrographs."""

import numpy as np
import pytest

from cryopick.io.images import open_image
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.model import Grid, Picks
from measuring import own_2d


@pytest.fixture
def said(monkeypatch):
    words = []
    monkeypatch.setattr(own_2d, "cryopick", lambda *line: words.append([*map(str, line)]))
    return words


def option(words, name):
    return words[words.index(name) + 1]


def test_words_of_the_template_picker(tmp_path, said):
    own_2d.pick_template(
        [tmp_path / "a.mrc"], tmp_path / "out", references=tmp_path / "r.mrcs", pixel_angstrom=1.0,
        references_pixel_angstrom=4.0, particle_diameter_angstrom=180, ctf=tmp_path / "c.star",
        options=("--min-distance", 120),
    )  # fmt: skip
    (words,) = said
    assert words[:3] == ["pick", "template", str(tmp_path / "a.mrc")]
    assert option(words, "--pixel-size-references") == "4.0"
    assert option(words, "--ctf") == str(tmp_path / "c.star")
    assert option(words, "--min-distance") == "120"


def test_what_is_not_known_is_not_said(tmp_path, said):
    own_2d.pick_template(
        [tmp_path / "a.png"], tmp_path / "out", references=tmp_path / "model.star",
        pixel_angstrom=1.5, particle_diameter_angstrom=150,
    )  # fmt: skip
    assert not {"--ctf", "--pixel-size-references"} & set(said[0])


def test_all_words_are_options_of_the_commands(tmp_path, said):
    """A renamed option would otherwise show up only when a benchmark runs."""
    from cryopick.cli.job_command import job_options
    from cryopick.jobs.registry import load_job

    own_2d.pick_log(["a"], tmp_path, diameters_angstrom=(1, 2), pixel_angstrom=1.0)
    own_2d.pick_template(
        ["a"], tmp_path, references="r", pixel_angstrom=1.0, references_pixel_angstrom=1.0,
        particle_diameter_angstrom=1.0, ctf="c",
    )  # fmt: skip
    own_2d.extract("p", ["a"], tmp_path, box_px=4, rescaled_px=2)
    own_2d.classify("p", tmp_path, classes=2, iterations=1, mask_diameter_angstrom=1.0)
    own_2d.project("m", tmp_path, views=5, box_px=8, pixel_angstrom=4.0)
    own_2d.chosen_references("c", tmp_path)
    names = ("pick log", "pick template", "extract particles", "classify", "template", "select")
    for words, name in zip(said, names, strict=True):
        flags = {flag for known in job_options(load_job(name)) for flag in known.flags}
        assert {word for word in words if word.startswith("-")} <= flags | {"-o", "--overwrite"}


def test_picks_of_a_job_are_read_in_angstrom(tmp_path):
    grid = Grid(shape=(100, 100), pixel_size_angstrom=2.0)
    picks = Picks.of([[20.0, 40]], image="a", score=[0.5])
    write_picks(picks, tmp_path / "picks.star", Frame(default_grid=grid), name="relion")
    found = own_2d.picks_in(tmp_path, {"a": grid})
    np.testing.assert_allclose(found.position_angstrom, [[20, 40]], atol=1e-4)


def test_the_map_has_its_centre_at_half_the_box(tmp_path):
    (tmp_path / "gen_common.py").write_text(
        "import numpy as np\n\ndef blob_model(seed, n, radius):\n"
        "    return np.array([[0.0, 0, 0], [0, 20, 0]]), np.array([2.0, 1.0])\n"
    )
    own_2d.write_map(tmp_path / "m.mrc", pixel_angstrom=4.0, generator=tmp_path / "gen2d.py")
    cube = open_image(tmp_path / "m.mrc").read()
    assert cube.shape == (64, 64, 64)
    assert np.unravel_index(cube.argmax(), cube.shape) == (32, 32, 32)
    assert cube[32, 37, 32] == pytest.approx(1.0, abs=1e-3)
