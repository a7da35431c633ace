"""`TiltSeries`: columns of one length, in the order of the stack."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import TiltSeries


def test_columns_are_cast():
    tilts = TiltSeries(
        name="007", tilt_deg=[-3, 0, 3], exposure_e_per_a2=[3, 0, 6], image=["a", "b", "c"],
        excluded=[0, 0, 1], handedness=-1,
    )  # fmt: skip
    assert len(tilts) == 3
    assert tilts.tilt_deg.dtype == np.float64
    assert tilts.exposure_e_per_a2.dtype == np.float64
    assert tilts.excluded.tolist() == [False, False, True]
    assert tilts.name == "007"
    assert tilts.defocus_u_um is None


def test_the_order_of_the_stack_is_kept():
    assert TiltSeries(name="a", tilt_deg=[0.0, 3.0, -3.0]).tilt_deg.tolist() == [0, 3, -3]


@pytest.mark.parametrize(
    "column",
    ["exposure_e_per_a2", "defocus_u_um", "defocus_v_um", "astigmatism_angle_deg",
     "phase_shift_deg", "axis_angle_deg", "shift_x_angstrom", "shift_y_angstrom", "image",
     "excluded"],
)  # fmt: skip
def test_a_column_of_another_length_is_named(column):
    with pytest.raises(InputError, match=f"TiltSeries a: expected 3 values of {column}"):
        TiltSeries(name="a", tilt_deg=[-3, 0, 3], **{column: [1, 2]})


@pytest.mark.parametrize("tilts", [5.0, [[1.0, 2.0]]])
def test_tilts_are_a_list(tilts):
    with pytest.raises(InputError, match="expected a list of tilts"):
        TiltSeries(name="a", tilt_deg=tilts)


@pytest.mark.parametrize("handedness", [2, -3])
def test_a_handedness_is_a_sign(handedness):
    with pytest.raises(InputError, match="expected handedness -1, 0 or 1"):
        TiltSeries(name="a", tilt_deg=[0.0], handedness=handedness)
