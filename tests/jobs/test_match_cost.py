"""The forecast of ``match`` for one tomogram."""

import numpy as np
import pytest

from cryopick.io.images import write_mrc
from cryopick.jobs import match_cost
from cryopick.jobs.match_cost import item_cost, searched_fraction
from cryopick.model import Grid, Image
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.settings import MatchSettings
from small_match import particle

TEMPLATES = [particle()]
WEDGE = Imaging(wedge_deg=(-60, 60))
QUICK = MatchSettings(angular_step_deg=30.0, screen_step_deg=30.0)


@pytest.fixture
def asked(monkeypatch):
    """Forecasts asked for, and how; each of 1 s and 1 byte per voxel."""
    calls = []

    def forecast(shape, pixel_size_angstrom, templates, **more):
        calls.append({"shape": shape, "pixel": pixel_size_angstrom, "templates": templates, **more})
        return match_cost.Forecast(
            seconds=float(np.prod(shape)), memory_bytes=int(np.prod(shape)), rotations=1, rank=1
        )

    monkeypatch.setattr(match_cost, "forecast", forecast)
    monkeypatch.setattr(match_cost, "_KNOWN", {})
    return calls


def image(shape, pixel=14.0):
    grid = Grid(shape=shape, pixel_size_angstrom=pixel)
    return Image(data=np.zeros(shape, np.float32), grid=grid, name="a")


def cost(shape, **more):
    given = {"settings": QUICK, "imaging": WEDGE, **more}
    return item_cost(image(shape), TEMPLATES, **given)


def test_what_is_forecast_is_what_is_told(asked):
    found = cost((4, 5, 6))
    assert (found.memory_bytes, found.seconds) == (120, 120.0)
    assert asked[0]["shape"] == (4, 5, 6)
    assert asked[0]["pixel"] == 14.0
    assert asked[0]["settings"] is QUICK
    assert asked[0]["imaging"] is WEDGE
    assert asked[0]["templates"] == TEMPLATES


def test_tomograms_of_one_shape_are_forecast_once(asked):
    for _ in range(3):
        cost((4, 5, 6))
    assert len(asked) == 1
    cost((4, 5, 7))
    cost((4, 5, 6), settings=MatchSettings(angular_step_deg=15.0))
    assert len(asked) == 3


def test_each_of_many_items_has_a_share_of_the_cores(asked, monkeypatch):
    monkeypatch.setattr(match_cost.os, "cpu_count", lambda: 8)
    for items in (1, 3, 100):
        cost((4, 5, 6), items=items)
    assert [call["cores"] for call in asked] == [8, 2, 1]


def test_a_real_forecast_grows_with_the_tomogram(monkeypatch):
    monkeypatch.setattr(match_cost, "_KNOWN", {})
    small, large = cost((40, 64, 64)), cost((80, 128, 128))
    assert 0 < small.seconds < large.seconds
    assert 0 < small.memory_bytes < large.memory_bytes


def test_what_is_not_searched_costs_less(tmp_path):
    mask = np.zeros((40, 8, 10), np.int8)
    mask[10:30, :4] = 1
    write_mrc(tmp_path / "mask.mrc", mask, 10.0, dtype="int8")
    tomogram = image((40, 8, 10))
    everything = (None, None, None)
    assert searched_fraction(tomogram, None, everything) == 1.0
    assert searched_fraction(tomogram, None, ((0, 4), None, (10, 30))) == 0.2
    assert searched_fraction(tomogram, tmp_path / "mask.mrc", everything) == 0.2
    assert searched_fraction(tomogram, tmp_path / "mask.mrc", ((0, 1), None, None)) == 0.05
