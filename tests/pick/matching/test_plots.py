"""Figures are whole, deterministic, and show what they are given."""

import numpy as np
import pytest

from cryopick.model import Grid, Image, Picks, delete
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.plots import estimated_curve_svg, score_histogram_svg, slices_png
from cryopick.pick.matching.verdict import reach_verdict
from score_sets import labelled_scores, template_facts


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(0)
    score, _ = labelled_scores("gaussian", background=2000, particles=200, mean=8.0, rng=rng)
    return score, reach_verdict(score, template_facts(), CandidateSettings())


def test_the_histogram_names_its_lines(judged):
    score, verdict = judged
    svg = score_histogram_svg(score, verdict)
    assert svg.startswith("<svg")
    for words in ("background", "particles", f"cut-off {verdict.cut_off:.4g}"):
        assert words in svg
    taken = int((score >= verdict.cut_off).sum())
    assert f"{taken:,} at or above the cut-off" in svg


def test_the_curve_tells_its_rectangle(judged):
    _, verdict = judged
    svg = estimated_curve_svg(verdict)
    assert f"RUC {verdict.curve.ruc:.2f}" in svg
    assert "best F1" in svg


def test_figures_are_the_same_twice(judged):
    score, verdict = judged
    assert score_histogram_svg(score, verdict) == score_histogram_svg(score, verdict)
    assert estimated_curve_svg(verdict) == estimated_curve_svg(verdict)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_few_scores_give_a_histogram_and_no_curve(n):
    score = np.linspace(3, 4, n)
    verdict = reach_verdict(score, template_facts(), CandidateSettings())
    assert f"{n} below" in score_histogram_svg(score, verdict)
    assert estimated_curve_svg(verdict) is None


def pixels(png):
    from io import BytesIO

    from PIL import Image as Picture

    return np.asarray(Picture.open(BytesIO(png)).convert("RGB"), dtype=int)


def coloured(png):
    """Pixels that are not grey."""
    return int((np.ptp(pixels(png), axis=-1) > 30).sum())


def tomogram(shape=(40, 60, 80)):
    data = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return Image(data=data, grid=Grid(shape=shape, pixel_size_angstrom=10.0), name="t")


def picks_at(z):
    return Picks.of(
        [[400.0, 300.0, z], [200.0, 200.0, z]], image="t", score=[1.0, 2.0],
        diameter_angstrom=[100.0, 100.0],
    )  # fmt: skip


def test_picks_in_a_slice_have_circles_and_others_do_not():
    image = tomogram()
    near = slices_png(image, picks_at(195.0), thickness_angstrom=60.0)
    far = slices_png(image, picks_at(0.0), thickness_angstrom=60.0)
    assert coloured(near) > 100
    assert coloured(far) == 0
    gone = delete(picks_at(195.0), np.ones(2, bool), reason="edge")
    assert coloured(slices_png(image, gone, thickness_angstrom=60.0)) == 0


def test_pictures_are_the_same_twice_and_not_huge():
    image = tomogram((20, 1300, 1200))
    png = slices_png(image, Picks.empty(3), thickness_angstrom=50.0)
    assert png == slices_png(image, Picks.empty(3), thickness_angstrom=50.0)
    assert max(pixels(png).shape) < 1600


@pytest.mark.parametrize("fill", [np.nan, 0.0])
def test_volumes_without_contrast(fill):
    shape = (6, 20, 20)
    image = Image(
        data=np.full(shape, fill, np.float32),
        grid=Grid(shape=shape, pixel_size_angstrom=10.0),
        name="t",
    )
    assert slices_png(image, picks_at(20.0), thickness_angstrom=500.0, count=1)[:4] == b"\x89PNG"
