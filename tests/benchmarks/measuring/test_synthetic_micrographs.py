"""The generator's truth in our conventions."""

import numpy as np
import pytest

from cryopick.geometry.rotation import rotate
from cryopick.io.metadata.relion_micrographs import read_micrographs
from measuring.synthetic_micrographs import GENERATOR, adapted, is_particle, make, read, truth_of

ROWS = "10 20 0 0 0\n30 40 90 90 0\n500 600 -1 -1 -200\n"
# As the real one: writes into data/, imports what lies beside it.
TOY = """
from beside import ROWS
df0=None
for mi in range(4):
    df=[10000.,13000.,16000.,20000.][mi]
    open(f"data/mic{mi}_truth.txt", "w").write(ROWS)
    open(f"data/mic{mi}.mrc", "w").write(str(df))
"""


@pytest.fixture
def generator(tmp_path):
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "beside.py").write_text(f"ROWS = {ROWS!r}\n")
    (folder / "gen2d.py").write_text(TOY)
    return folder / "gen2d.py"


def test_truth_is_particles_only_with_their_poses():
    picks = truth_of(np.loadtxt(ROWS.splitlines()), "m")
    np.testing.assert_allclose(picks.position_angstrom, [[10, 20], [30, 40]])
    # Rz(90) Ry(90): x of the particle points down the beam, then z ends on y.
    np.testing.assert_allclose(rotate(picks.orientation[1], [[0, 0, 1]]), [[0, 1, 0]], atol=1e-9)


def test_a_particle_with_small_angles_is_no_lump():
    assert is_particle(np.array([[0.0, 0, -1, 20, -5], [0, 0, 3, -1, 4]])).all()


def test_four_are_made_and_more_by_the_same_code(tmp_path, generator):
    four = make(tmp_path / "set", generator=generator)
    assert list(four.images) == ["mic0", "mic1", "mic2", "mic3"]
    six = make(tmp_path / "set", n=6, generator=generator, reuse=True)
    assert [path.read_text() for path in six.images.values()][3:] == [
        "20000.0",
        "11000.0",
        "14500.0",
    ]
    assert len(six.truth) == 12
    assert six.zyz_deg.shape == (12, 3)
    assert set(six.truth.image.tolist()) == set(six.images)


def test_reuse_leaves_what_is_there(tmp_path, generator):
    made = make(tmp_path / "set", generator=generator)
    made.images["mic2"].write_text("kept")
    make(tmp_path / "set", generator=generator, reuse=True)
    assert made.images["mic2"].read_text() == "kept"
    make(tmp_path / "set", generator=generator)
    assert made.images["mic2"].read_text() == "16000.0"


def test_the_star_lists_optics_and_defocus(tmp_path, generator):
    made = make(tmp_path / "set", generator=generator)
    listed = read_micrographs(made.star)
    assert [m.path for m in listed] == ["mic0.mrc", "mic1.mrc", "mic2.mrc", "mic3.mrc"]
    assert [m.defocus.u_um for m in listed] == [1.0, 1.3, 1.6, 2.0]
    assert listed[0].optics.amplitude_contrast == 0.1
    assert len(read(made.folder, 2).truth) == 4


def test_a_changed_generator_is_refused():
    with pytest.raises(RuntimeError, match="has changed"):
        adapted("for mi in range(9):", 0, 4)


@pytest.mark.skipif(not GENERATOR.is_file(), reason="the generator is not beside the checkout")
def test_the_genuine_generator_can_be_adapted():
    compile(adapted(GENERATOR.read_text("utf-8"), 4, 7), "gen2d", "exec")
