"""What a search says of itself, there and back."""

import json

import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.pick.matching.search_facts import SearchFacts, load_facts, save_facts
from score_sets import GRID, facts_of, template_facts


def test_facts_come_back_as_they_were(tmp_path):
    facts = facts_of(template_facts(), template_facts("20S", diameter_angstrom=180, sigma=0.03))
    save_facts(facts, tmp_path / "search.json")
    assert load_facts(tmp_path / "search.json") == facts


def test_names_stay_strings(tmp_path):
    facts = facts_of(template_facts("007"), image="1e5")
    save_facts(facts, tmp_path / "search.json")
    again = load_facts(tmp_path / "search.json")
    assert (again.image, again.templates[0].name) == ("1e5", "007")


def test_the_refined_deviation_counts_where_it_is_known():
    plain = template_facts(sigma=0.05)
    assert plain.final_sigma == 0.05
    refined = type(plain)(
        name="a", diameter_angstrom=1, symmetry="C1", sigma=0.05, tests=9, sigma_refined=0.04
    )
    assert refined.final_sigma == 0.04


@pytest.mark.parametrize(
    "change", [{"sigma": 0.0}, {"tests": 0.0}, {"diameter_angstrom": -1.0}, {"tests": float("inf")}]
)
def test_statistics_that_cannot_be(change):
    with pytest.raises(InputError, match="expected above 0"):
        template_facts(**change)


def test_a_search_has_a_template():
    with pytest.raises(InputError, match="names no template"):
        SearchFacts(
            image="a", grid=GRID, score_grid=GRID, angular_step_deg=1, engine="exact", templates=()
        )


@pytest.mark.parametrize(
    "change",
    [{"grid": None}, {"templates": [{"name": "a"}]}, {"templates": []}, {"angular_step_deg": "x"}],
)
def test_a_file_that_says_something_else(tmp_path, change):
    save_facts(facts_of(), tmp_path / "search.json")
    values = json.loads((tmp_path / "search.json").read_text()) | change
    (tmp_path / "search.json").write_text(json.dumps(values))
    with pytest.raises(FormatError, match="does not describe a search"):
        load_facts(tmp_path / "search.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingFileError):
        load_facts(tmp_path / "search.json")
