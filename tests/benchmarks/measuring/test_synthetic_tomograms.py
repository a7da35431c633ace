"""The truth beside the synthetic tomograms, in our conventions."""

import numpy as np
from scipy.spatial.transform import Rotation

from cryopick.geometry.rotation import rotate
from measuring.synthetic_tomograms import PIXEL_ANGSTROM, make, matrices, read, truth_of

ANGLES = np.array([[129.3, 102.8, 41.2], [-52.2, 64.6, -131.4], [10.0, 0.0, 20.0]])
ROWS = np.column_stack([np.arange(9).reshape(3, 3), ANGLES, [0, 1, 2]])


def test_matrices_are_those_of_intrinsic_zyz():
    expected = Rotation.from_euler("ZYZ", ANGLES, degrees=True).as_matrix()
    np.testing.assert_allclose(matrices(ANGLES), expected, atol=1e-12)


def test_kinds_positions_and_orientations():
    targets, others = truth_of(ROWS)
    np.testing.assert_allclose(targets.position_angstrom, np.array([[0, 1, 2]]) * PIXEL_ANGSTROM)
    assert others.label.tolist() == ["decoy", "gold"]
    vector = [1.0, 2.0, 3.0]
    np.testing.assert_allclose(
        rotate(targets.orientation[0], vector), matrices(ANGLES)[0] @ vector, atol=1e-12
    )


GENERATOR = """
import pathlib
with open('data/count', 'a') as file:
    file.write('made ')
for name in ('tomoL', 'tomoL_hard', 'tomoS'):
    pathlib.Path(f'data/{name}_truth.txt').write_text('1 2 3 10 20 30 0\\n')
"""


def test_generator_runs_once_where_its_data_may_be_reused(tmp_path):
    generator = tmp_path / "gen.py"
    generator.write_text(GENERATOR)
    scratch = tmp_path / "scratch"
    made = make(scratch, generator=generator, reuse=True)
    assert len(made["tomoS"].targets) == 1
    assert made["tomoS"].tomogram == scratch / "data" / "tomoS.mrc"
    make(scratch, generator=generator, reuse=True)
    assert (scratch / "data" / "count").read_text() == "made "
    make(scratch, generator=generator)
    assert (scratch / "data" / "count").read_text() == "made made "
    assert len(read(scratch / "data", "tomoL").others) == 0
