"""Genuine tilt series described by several programs: the readers must tell one story."""

import numpy as np
import pytest

from cryopick.io.metadata.ctffind import read_ctffind
from cryopick.io.metadata.gctf import read_gctf_star
from cryopick.io.metadata.imod_defocus import read_imod_defocus
from cryopick.io.metadata.mdoc import acquisition_order, mdoc_tilt_series, read_mdoc
from cryopick.io.metadata.number_list import read_doses
from cryopick.io.metadata.tilt_com import read_tilt_com
from cryopick.io.metadata.tlt import prior_exposure, read_tilts
from cryopick.io.metadata.warp_xml import read_warp_xml
from cryopick.io.star import read_star
from shared_data import shared

EXPOSURE = 2.23843  # e/Å² of each image of series 017


@pytest.fixture(scope="module")
def folder():
    return shared("formats/cryocat_ts017")


@pytest.fixture(scope="module")
def mdoc(folder):
    return read_mdoc(folder / "017.mdoc")


@pytest.fixture(scope="module")
def taken(mdoc):
    return mdoc_tilt_series(mdoc)


@pytest.fixture(scope="module")
def warp(folder):
    return read_warp_xml(folder / "017.xml")


def test_tilts(folder, taken, warp):
    tlt = read_tilts(folder / "017.tlt")
    np.testing.assert_allclose(taken.tilt_deg, tlt, atol=0.00501)  # two decimals
    np.testing.assert_allclose(warp.angle_deg, tlt, atol=0.0301)


def test_stopgap_wedge_list_has_the_same_tilts(folder, taken):
    block = read_star(folder / "wedge_list.star").block("stopgap_wedgelist")
    first = block.number("tomo_num") == block.number("tomo_num")[0]
    assert first.sum() == len(taken) == 60
    assert set(block.number("voltage")) == {300.0}


def test_exposure(folder, mdoc, taken, warp):
    # the mdoc's own sum counts from before each image, the corrected list from after it
    before = np.array([float(s.entries["PriorRecordDose"]) for s in mdoc.images])
    after = read_doses(folder / "017_corrected_dose.txt")
    np.testing.assert_allclose(after - before, EXPOSURE, atol=0.006)
    # Warp 1 sums the images only, each with its own exposure
    np.testing.assert_allclose(
        warp.series.exposure_e_per_a2, taken.exposure_e_per_a2 + EXPOSURE, atol=2e-4
    )
    # all three in one order
    order = acquisition_order(mdoc)
    for dose in (before, after, warp.series.exposure_e_per_a2, taken.exposure_e_per_a2):
        assert np.argsort(np.argsort(dose)).tolist() == (order - 1).tolist()


def test_dose_symmetric_acquisition(mdoc, taken):
    order = acquisition_order(mdoc)
    first = taken.tilt_deg[order == 1][0]
    apart = np.abs(taken.tilt_deg - first)
    # later images are tilted further from the first one, in steps taken on both sides
    ranks = np.corrcoef(order, apart)[0, 1]
    assert first == pytest.approx(8.0, abs=0.1)  # "dosym = 8.0" in the mdoc's title
    assert ranks > 0.99


def test_images_and_sizes(folder, mdoc, taken, warp):
    assert taken.image.tolist() == warp.series.image.tolist()
    assert taken.pixel_size_angstrom == warp.series.pixel_size_angstrom == 1.971
    com = read_tilt_com(folder / "tilt.com")
    assert mdoc.entries["ImageSize"] == " ".join(map(str, com.full_image_px))
    assert com.tilt_file == "017.tlt"


def test_axis(taken, warp):
    np.testing.assert_allclose(warp.series.axis_angle_deg, taken.axis_angle_deg, atol=0.5)


def test_defocus_of_two_estimates(folder, warp):
    gctf = read_gctf_star(folder / "017_gctf.star")
    assert len(gctf) == len(warp.series) == 60
    theirs = np.array([d.mean_um for d in gctf.defocus])
    ours = (warp.series.defocus_u_um + warp.series.defocus_v_um) / 2
    assert np.median(theirs) == pytest.approx(np.median(ours), abs=0.05)
    assert gctf.optics.cs_mm == pytest.approx(warp.series.optics.cs_mm)
    # the ctffind table in this folder is of another series of 60 images (its comments say 031)
    assert read_ctffind(folder / "017_ctffind4.txt").pixel_size_angstrom == 1.327


def test_frames_of_a_neighbouring_series(folder):
    mdoc = read_mdoc(folder / "TS_019_0000_8.0.mrc.mdoc")
    series = mdoc_tilt_series(mdoc)
    assert (series.name, series.image.tolist()) == ("TS_019_0000_8.0", ["TS_019_0000_8.0.mrc"])
    assert series.tilt_deg[0] == pytest.approx(8.0, abs=0.05)
    assert series.exposure_e_per_a2.tolist() == [0.0]
    # without a title the axis comes from RotationAngle: the same microscope, the same axis
    assert series.axis_angle_deg[0] == pytest.approx(82.9)


def test_pytom_match_pick_inputs_fit_together():
    folder = shared("formats/pytom_match_pick")
    tilts = read_tilts(folder / "test_angles.rawtlt")
    dose = read_doses(folder / "test_dose.txt")
    defocus = read_imod_defocus(folder / "test_imod.defocus")
    assert len(tilts) == len(dose) == len(defocus.ranges) == 35
    np.testing.assert_allclose([r.first_tilt_deg for r in defocus.ranges], tilts, atol=0.011)
    # one image after another from 0 outwards, 1.91 e/Å² each, counted at half of the image
    assert tilts[dose.argmin()] == 0.0
    order = np.argsort(np.argsort(dose)) + 1
    np.testing.assert_allclose(prior_exposure(1.91, order) + 1.91 / 2, dose, atol=1e-9)


def test_pytom_defocus_fits_its_angles():
    defocus = read_imod_defocus(shared("formats/pytom/defocusValuesGijs.defocus"))
    tilts = read_tilts(shared("formats/pytom/angles.tlt"))
    assert [r.first_tilt_deg for r in defocus.ranges] == tilts.tolist()
    assert defocus.per_view(len(tilts)).shape == (59, 4)


def test_imod_refined_tilts_are_the_nominal_ones_with_an_offset():
    folder = shared("formats/imod/etomofiles")
    refined, nominal = (read_tilts(folder / f"TS_001.{kind}") for kind in ("tlt", "rawtlt"))
    offset = refined - nominal
    assert len(refined) == len(nominal) == len(read_tilts(folder / "TS_001.xtilt")) == 40
    assert np.ptp(offset) < 0.5
    assert offset.mean() == pytest.approx(2.9, abs=0.2)


def test_warptools_exposure_grows_by_one_image_at_a_time():
    series = read_warp_xml(
        shared("formats/pytom_match_pick/warptools_xml_example/gs04_ts_003.xml")
    ).series
    steps = np.diff(np.sort(series.exposure_e_per_a2))
    np.testing.assert_allclose(steps, 2.85378, atol=2e-5)
    assert series.tilt_deg[series.exposure_e_per_a2.argmin()] == 0.0
