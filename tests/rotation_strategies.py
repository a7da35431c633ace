"""Hypothesis strategies for rotations and angles."""

import numpy as np
from hypothesis import strategies as st

angles_deg = st.floats(-180, 180, allow_nan=False, width=64)
# Right angles and their neighbourhood are where Euler angles break.
awkward_deg = st.sampled_from([0.0, 90.0, 180.0, -90.0, 1e-9, 180 - 1e-9, 90 + 1e-7, 45.0])
any_angle_deg = st.one_of(angles_deg, awkward_deg)
euler_deg = st.tuples(any_angle_deg, any_angle_deg, any_angle_deg).map(np.array)


@st.composite
def quaternions(draw: st.DrawFn) -> np.ndarray:
    """Unit quaternions with either sign of w, with many exact zeros among them."""
    part = st.one_of(st.floats(-1, 1, width=64), st.sampled_from([0.0, 1.0, -1.0]))
    values = np.array(draw(st.tuples(part, part, part, part)))
    length = float(np.linalg.norm(values))
    return np.array([1.0, 0.0, 0.0, 0.0]) if length < 1e-3 else values / length
