"""One row of the table of species, and the table."""

from types import SimpleNamespace

import numpy as np

from cryopick.model import Picks
from match_species import RECIPE, row_of, show

SCENE = SimpleNamespace(
    targets=Picks.of([[100.0, 0, 0], [300, 0, 0]], image="t"),
    others=Picks.of([[600.0, 0, 0]], image="t", label="gold", diameter_angstrom=[100.0]),
    diameter_angstrom=200.0,
)
RUN = SimpleNamespace(cpu_seconds=12.34, wall_seconds=9.99)


def test_row_counts_within_a_quarter_of_the_diameter():
    picks = Picks.of([[149, 0, 0], [351, 0, 0], [640, 0, 0]], image="x", score=[3, 1, 2])
    row = row_of(picks, SCENE, RUN)
    assert row["precision_at_n"] == 0.5
    assert row["average_precision"] == 0.5
    assert row["false_on"] == {"gold": 1}
    assert (row["cpu_s"], row["wall_s"]) == (12.3, 10.0)
    assert "angle_error_deg" not in row


def test_long_lists_are_cut_to_four_per_target():
    places = np.array([[1000.0 + 300 * i, 0, 0] for i in range(20)])
    row = row_of(Picks.of(places, image="x", score=np.arange(20.0)), SCENE, RUN)
    assert row["picks"] == 8


def test_table_has_a_column_for_each_program(capsys):
    row = row_of(Picks.empty(3), SCENE, RUN)
    show(
        {
            "VLP": {"targets": 2, "programs": {"exact": row, "pyTME": row}},
            "GroEL": {"targets": 2, "programs": {"exact": row}},
        }
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["average", "precision", "targets", "exact", "pyTME"]
    assert lines[2].split() == ["VLP", "2", "0.000", "0.000"]
    assert lines[3].split() == ["GroEL", "2", "0.000", "-"]


def test_ice_fits_into_the_tomogram():
    assert RECIPE.ice_angstrom < RECIPE.size_px[2] * 10
