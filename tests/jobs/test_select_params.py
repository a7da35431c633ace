import pytest

from cryopick.errors import InputError
from cryopick.jobs.select_params import SelectParams, check


def test_asking_for_nothing_is_refused():
    with pytest.raises(InputError, match="nothing was asked for; give --where"):
        check(SelectParams(input="p.star"))
    with pytest.raises(InputError, match="nothing was asked for"):
        check(SelectParams(input="p.star", seed=3, shown=7, split_order="as-is"))


@pytest.mark.parametrize(
    "asked",
    [
        {"where": ["a:1:2"]},
        {"classes": "1"},
        {"reject_classes": "1"},
        {"class_averages": "c.star"},
        {"min_class_score": 0.0},
        {"max_image_deviation_sd": 4.0},
        {"min_distance_angstrom": 30.0, "better": "score"},
        {"keep": "l.txt"},
        {"reject": "l.txt"},
        {"recentre": True},
        {"regroup": 3},
        {"split_parts": 2},
        {"split_size": 2},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_each_wish_alone_is_enough(asked):
    check(SelectParams(input="p.star", **asked))


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"split_parts": 2, "split_size": 2}, "--split-size: give it or --split-parts"),
        ({"classes": "1", "reject_classes": "2"}, "--reject-classes: give it or --classes"),
        ({"where": ["a:1:"], "better": "score"}, "--better: is about duplicates"),
    ],
)
def test_wishes_that_exclude_each_other(asked, problem):
    with pytest.raises(InputError, match=problem):
        check(SelectParams(input="p.star", **asked))
