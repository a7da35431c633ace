"""States go to arrays and back."""

import io
from dataclasses import fields, replace

import numpy as np
import pytest

from class_sets import class_set
from cryopick.curate.classes.prepare import prepare
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.start import first_state
from cryopick.curate.classes.state import ClassState, state_of_arrays
from cryopick.errors import InputError


@pytest.fixture(scope="module")
def state():
    settings = ClassifySettings(classes=2, ctf="ignore", precision="float32", psi_step_deg=15)
    return first_state(prepare(class_set(12)[0], 5.0, settings, None), None)


def test_through_a_file_nothing_changes(state):
    file = io.BytesIO()
    np.savez(file, **state.arrays())
    file.seek(0)
    with np.load(file) as kept:
        again = state_of_arrays(kept)
    for field in fields(ClassState):
        one, other = getattr(state, field.name), getattr(again, field.name)
        assert type(one) is type(other), field.name
        np.testing.assert_array_equal(one, other)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype


def test_what_is_missing_is_named(state):
    arrays = state.arrays()
    del arrays["noise_power"]
    with pytest.raises(InputError, match="noise_power is missing"):
        state_of_arrays(arrays)


def test_class_sizes_count_what_was_looked_at(state):
    assert state.class_size.tolist() == [0, 0]
    some = replace(state, class_index=np.array([1, 1, 0, -1] * 3))
    assert some.class_size.tolist() == [3, 6]
