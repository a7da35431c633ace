"""What ``match`` is given: tilts, optics, templates, rotations, regions."""

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.match_inputs import (
    imaging_of,
    load_templates,
    mask_is_ball,
    mask_path,
    own_rotations,
    region_of,
    settings_of,
    tomogram_sources,
)
from cryopick.jobs.tomogram_masks import read_tomogram_mask
from cryopick.ops.masks import ellipsoid_mask, sphere_mask
from small_match import DIAMETER, PIXEL, params_for, particle, write_files


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path)


def only(params):
    (source,) = tomogram_sources(params)
    return source, imaging_of(source, params)


# Tilts, exposure, defocus


def test_a_wedge_of_two_numbers(files):
    source, imaging = only(params_for(files, tilts="-40,55"))
    assert (source.name, imaging.wedge_deg, imaging.tilts) == ("TS_01", (-40.0, 55.0), None)
    assert not imaging.per_tilt
    assert not imaging.use_ctf


def test_tilts_dose_and_defocus_of_plain_files(files):
    (files.folder / "dose.txt").write_text("".join(f"{3 * i}\n" for i in range(13)), "utf-8")
    (files.folder / "defocus.txt").write_text("".join(f"{2 + i / 10}\n" for i in range(13)))
    _, imaging = only(
        params_for(
            files,
            tilts=str(files.tilts),
            dose=str(files.folder / "dose.txt"),
            defocus=str(files.folder / "defocus.txt"),
            phase_shift_deg=30.0,
            handedness=-1,
        )
    )
    tilts = imaging.tilts
    assert tilts.tilt_deg.tolist() == list(range(-60, 61, 10))
    assert tilts.exposure_e_per_a2.tolist() == [3.0 * i for i in range(13)]
    np.testing.assert_allclose(tilts.defocus_u_um, [2 + i / 10 for i in range(13)])
    assert (tilts.phase_shift_deg == 30).all()
    assert imaging.handedness == -1
    assert (imaging.use_ctf, imaging.phase_flipped, imaging.per_tilt) == (True, True, True)
    assert imaging.wedge_deg == (-60.0, 60.0)


@pytest.mark.parametrize(
    ("model", "use_ctf", "flipped"),
    [
        ("auto", True, True),
        ("phase-flip", True, True),
        ("plain", True, False),
        ("none", False, True),
    ],
)
def test_the_ctf_model(files, model, use_ctf, flipped):
    _, imaging = only(params_for(files, tilts=str(files.tilts), defocus="3.0", ctf_model=model))
    assert (imaging.use_ctf, imaging.phase_flipped) == (use_ctf, flipped)
    np.testing.assert_allclose(imaging.tilts.defocus_u_um, 3.0)


@pytest.mark.parametrize("model", ["phase-flip", "plain"])
def test_a_ctf_needs_the_defocus(files, model):
    with pytest.raises(InputError, match=f"ctf-model {model}: the defocus of TS_01 is not known"):
        only(params_for(files, tilts=str(files.tilts), ctf_model=model))


def test_without_defocus_there_is_no_ctf(files):
    _, imaging = only(params_for(files, tilts=str(files.tilts)))
    assert not imaging.use_ctf
    assert imaging.per_tilt


def test_one_wedge_in_place_of_weights_per_tilt(files):
    _, imaging = only(params_for(files, tilts=str(files.tilts), per_tilt_weighting=False))
    assert not imaging.per_tilt
    assert imaging.wedge_deg == (-60.0, 60.0)


@pytest.mark.parametrize(
    ("option", "value"), [("voltage_kv", 200.0), ("cs_mm", 0.0), ("amplitude_contrast", 0.1)]
)
def test_optics_given_and_not_given(files, option, value):
    defaults = {"voltage_kv": 300.0, "cs_mm": 2.7, "amplitude_contrast": 0.07}
    _, plain = only(params_for(files))
    _, given = only(params_for(files, **{option: value}))
    for name, default in defaults.items():
        assert getattr(plain.optics, name) == default
        assert getattr(given.optics, name) == (value if name == option else default)


def test_no_tilts_is_one_line(files):
    with pytest.raises(InputError, match=r"TS_01\.mrc: no file of tilts beside it .*give --tilts"):
        only(params_for(files, tilts=None))


def test_tilts_beside_the_tomogram_are_found(files):
    files.tilts.rename(files.folder / "TS_01.tlt")
    _, imaging = only(params_for(files, tilts=None))
    assert len(imaging.tilts) == 13


def test_a_column_of_a_table_of_tilts(files):
    files.tilts.write_text("".join(f"{i} {t} 7\n" for i, t in enumerate(range(-30, 31, 10))))
    _, imaging = only(params_for(files, tilts=str(files.tilts), tilt_column=1))
    assert imaging.wedge_deg == (-30.0, 30.0)


def test_one_input_of_four(files):
    with pytest.raises(InputError, match=r"expected one of TOMOGRAMS, .*, got none"):
        tomogram_sources(params_for(files, tomograms=[]))
    with pytest.raises(InputError, match="got TOMOGRAMS and --warp-xml"):
        tomogram_sources(params_for(files, warp="x"))


@pytest.mark.parametrize("name", ["007", "1e5", "a b", "naïve (2)"])
def test_odd_names_stay(tmp_path, name):
    files = write_files(tmp_path, name=name)
    (source,) = tomogram_sources(params_for(files))
    assert source.name == name


def test_include_exclude_and_the_order(tmp_path):
    (tmp_path / "t").mkdir()
    for name in ("TS_10", "TS_2", "TS_1", "bad"):
        write_mrc(tmp_path / "t" / f"{name}.mrc", np.zeros((4, 4, 4), np.float32), 10.0)
    files = write_files(tmp_path / "other")
    given = {"tomograms": [str(tmp_path / "t")]}
    names = [s.name for s in tomogram_sources(params_for(files, **given, exclude=["bad"]))]
    assert names == ["TS_1", "TS_2", "TS_10"]
    names = [s.name for s in tomogram_sources(params_for(files, **given, include=["TS_?"]))]
    assert names == ["TS_1", "TS_2"]
    with pytest.raises(InputError, match="--include X matches none of"):
        tomogram_sources(params_for(files, **given, include=["X"]))


def test_the_pixel_size_of_the_user_wins(files):
    (source,) = tomogram_sources(params_for(files, pixel_size_angstrom=7.5))
    assert source.pixel_size_angstrom == 7.5


# Templates


def test_a_template_with_its_mask(files):
    (template,) = load_templates(params_for(files, symmetry="C2", non_spherical_mask=True))
    np.testing.assert_array_equal(template.density, particle().density)
    np.testing.assert_array_equal(template.mask, particle().mask)
    assert (template.name, template.pixel_size_angstrom) == ("particle", PIXEL)
    assert (template.diameter_angstrom, template.symmetry) == (DIAMETER, "C2")
    assert not template.spherical_mask


def test_a_mask_beside_the_template_is_taken(files):
    mask = 0.5 * particle().mask
    write_mrc(files.folder / "particle_mask.mrc", mask, PIXEL)
    (template,) = load_templates(params_for(files, masks=[]))
    np.testing.assert_array_equal(template.mask, mask)
    (template,) = load_templates(params_for(files))
    np.testing.assert_array_equal(template.mask, particle().mask)


def test_a_ball_where_there_is_no_mask(files):
    (template,) = load_templates(params_for(files, masks=[]))
    radius = (3 * template.mask.sum() / 4 / np.pi) ** (1 / 3)
    assert radius * PIXEL == pytest.approx(1.15 * DIAMETER / 2, abs=PIXEL)
    assert mask_is_ball(template.mask)
    with pytest.raises(InputError, match=r"how large is the particle\? give --mask or --particle"):
        load_templates(params_for(files, masks=[], particle_diameter_angstrom=None))
    with pytest.raises(InputError, match="does not fit into the template's box of 14"):
        load_templates(params_for(files, masks=[], particle_diameter_angstrom=300.0))


def test_the_diameter_comes_from_the_mask(files):
    write_mrc(files.mask, sphere_mask(14, radius_px=5.75, soft_px=0.0), PIXEL)
    (template,) = load_templates(params_for(files, particle_diameter_angstrom=None))
    assert template.diameter_angstrom == pytest.approx(2 * 5.75 / 1.15 * PIXEL, rel=0.05)


def test_contrast_and_pixel_size_can_be_overruled(files):
    (template,) = load_templates(
        params_for(files, invert_template=True, template_pixel_size_angstrom=7.0)
    )
    np.testing.assert_array_equal(template.density, -particle().density)
    assert template.pixel_size_angstrom == 7.0


def test_a_template_without_a_pixel_size_is_refused(files):
    header = bytearray(files.template.read_bytes())
    header[40:52] = bytes(12)  # the cell
    files.template.write_bytes(bytes(header))
    with pytest.raises(InputError, match="pixel size is not known; give --template-pixel-size"):
        load_templates(params_for(files))


def test_masks_and_templates_must_go_together(files):
    write_mrc(files.folder / "other.mrc", particle(seed=2).density, PIXEL)
    two = [str(files.template), str(files.folder / "other.mrc")]
    assert len(load_templates(params_for(files, templates=two))) == 2
    with pytest.raises(InputError, match="--mask: 2 masks for 1 templates"):
        load_templates(params_for(files, masks=[str(files.mask)] * 2))
    with pytest.raises(InputError, match="two files have the same name"):
        load_templates(params_for(files, templates=[str(files.template)] * 2))


def test_a_mask_of_another_shape_is_one_line(files):
    write_mrc(files.mask, np.ones((12, 12, 12), np.float32), PIXEL)
    with pytest.raises(InputError, match="mask") as caught:
        load_templates(params_for(files))
    assert "\n" not in str(caught.value)


def test_what_is_no_volume_is_no_template(files):
    write_mrc(files.template, np.zeros((14, 14), np.float32), PIXEL)
    with pytest.raises(InputError, match="is not a volume, as a template must be"):
        load_templates(params_for(files))
    with pytest.raises(MissingFileError, match="absent"):
        load_templates(params_for(files, templates=["absent.mrc"]))


def test_balls_are_told_from_other_masks():
    assert mask_is_ball(sphere_mask(15, radius_px=5, soft_px=0))
    assert mask_is_ball(sphere_mask(32, radius_px=10, soft_px=2))
    cube = np.zeros((16, 16, 16), np.float32)
    cube[3:14, 3:14, 3:14] = 1
    assert not mask_is_ball(cube)
    assert not mask_is_ball(ellipsoid_mask(32, radii_px=(10, 10, 8), soft_px=1))
    assert not mask_is_ball(np.roll(sphere_mask(32, radius_px=10, soft_px=1), 2, axis=0))


# Settings and rotations


def test_settings_are_those_of_the_parameters(files):
    found = settings_of(
        params_for(
            files,
            angular_step_deg=9.0,
            low_pass_angstrom=30.0,
            high_pass_angstrom=400.0,
            noise_correction="smooth",
            engine="exact",
        )
    )
    assert (found.angular_step_deg, found.engine, found.noise) == (9.0, "exact", "smooth")
    assert (found.band.low_pass_angstrom, found.band.high_pass_angstrom) == (30.0, 400.0)
    with pytest.raises(InputError, match=r"low-pass .* finer resolution than the high-pass"):
        settings_of(params_for(files, low_pass_angstrom=400.0, high_pass_angstrom=300.0))


def test_own_rotations_from_pytom_and_star(files):
    assert own_rotations(params_for(files)) is None
    zxz = files.folder / "angles.txt"
    zxz.write_text("0 0 0\n0.5 0 0\n0 0.25 0\n", "utf-8")
    found = own_rotations(params_for(files, angle_list=str(zxz)))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(
        angle_between_deg(found[:1], found[1:]), np.rad2deg([0.5, 0.25]), atol=1e-6
    )
    star = files.folder / "angles.star"
    star.write_text(
        "data_\nloop_\n_rlnAngleRot #1\n_rlnAngleTilt #2\n_rlnAnglePsi #3\n10 0 0\n0 40 0\n"
    )
    found = own_rotations(params_for(files, angle_list=str(star)))
    np.testing.assert_allclose(angle_between_deg(found, [[1.0, 0, 0, 0]]), [10, 40], atol=1e-6)


def test_wrong_lists_of_rotations_are_one_line(files):
    bad = files.folder / "angles.txt"
    bad.write_text("0 0\n", "utf-8")
    with pytest.raises(InputError, match="expected three angles per line, got 2"):
        own_rotations(params_for(files, angle_list=str(bad)))
    bad.write_text("0 0 x\n", "utf-8")
    with pytest.raises(FormatError, match="'x' is not a number"):
        own_rotations(params_for(files, angle_list=str(bad)))
    star = files.folder / "a.star"
    star.write_text("data_\nloop_\n_rlnMicrographName #1\na\n", "utf-8")
    with pytest.raises(InputError, match="has no column rlnAngleRot"):
        own_rotations(params_for(files, angle_list=str(star)))


# Regions


def test_a_region_of_ranges_and_a_mask(files):
    image = open_image(files.tomogram)
    mask = np.zeros(image.grid.shape, np.int8)
    mask[10:30] = 1
    write_mrc(files.folder / "slab.mrc", mask, PIXEL, dtype="int8")
    params = params_for(
        files,
        tomogram_mask=str(files.folder / "slab.mrc"),
        search_x_px=(4, 20),
        search_y_px=(0, 64),
    )
    (source,) = tomogram_sources(params)
    mask = read_tomogram_mask(mask_path(source, params), image)
    region = region_of(image, mask, params)(image.grid)
    expected = np.zeros(image.grid.shape, bool)
    expected[10:30, :, 4:20] = True
    np.testing.assert_array_equal(region, expected)
    free = params_for(files)
    assert region_of(image, None, free)(image.grid) is None


def test_an_empty_mask_is_one_line(files):
    write_mrc(files.folder / "none.mrc", np.zeros((40, 64, 64), np.float32), PIXEL)
    params = params_for(files, tomogram_mask=str(files.folder / "none.mrc"))
    (source,) = tomogram_sources(params)
    image = open_image(files.tomogram)
    mask = read_tomogram_mask(mask_path(source, params), image)
    with pytest.raises(InputError, match="search region: holds no voxel"):
        region_of(image, mask, params)(image.grid)
