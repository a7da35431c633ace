import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.evaluate.image_names import with_common_names
from cryopick.model import Picks


def of(*names):
    return Picks.of(np.zeros((len(names), 2)), image=list(names))


def test_folders_and_suffixes_do_not_count():
    picks, truth, warnings = with_common_names(
        of("a/mic1.mrc", "mic2.tif"), of("mic1.png", "b/mic2.mrc.gz")
    )
    assert picks.image.tolist() == truth.image.tolist() == ["mic1", "mic2"]
    assert warnings == ()


def test_names_stay_text():
    picks, truth, _ = with_common_names(of("007", "1e5"), of("007.mrc", "7", "100000"))
    assert picks.image.tolist() == ["007", "1e5"]
    assert truth.image.tolist() == ["007", "7", "100000"]


def test_two_single_images_are_taken_for_one_with_a_warning():
    _, truth, warnings = with_common_names(of("TS_1", "TS_1"), of("TS_1_denoised"))
    assert set(truth.image) == {"TS_1"}
    assert warnings == ("picks are of image TS_1, the truth of TS_1_denoised: taken for the same",)


def test_no_image_in_common_is_an_error_that_names_some():
    with pytest.raises(InputError, match=r"picks name a, b, c and 2 more, the truth names x, y;"):
        with_common_names(of("a", "b", "c", "d", "e"), of("x", "y"))


def test_one_image_against_several_others_is_an_error():
    with pytest.raises(InputError, match="no image in common"):
        with_common_names(of("a"), of("x", "y"))


@pytest.mark.parametrize("sides", [("full", "empty"), ("empty", "full"), ("empty", "empty")])
def test_no_picks_at_all_are_no_error(sides):
    made = {"full": of("m1", "m2"), "empty": Picks.empty(2)}
    picks, truth, warnings = with_common_names(made[sides[0]], made[sides[1]])
    assert (len(picks), len(truth)) == (len(made[sides[0]]), len(made[sides[1]]))
    assert warnings == ()


def test_picks_without_a_name_of_their_image_go_together():
    picks, truth, warnings = with_common_names(of("", ""), of("mic1"))
    assert set(picks.image) == set(truth.image)
    assert len(warnings) == 1
