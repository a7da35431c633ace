"""Options of ``match`` that contradict each other end in one line, before any work."""

import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.match import plan
from cryopick.jobs.match_conflicts import check_options, check_source
from cryopick.jobs.match_inputs import tomogram_sources
from cryopick.jobs.match_params import MatchParams
from small_match import params_for, write_files

PROJECTS = [
    ({"relion_star": "t.star"}, "--relion-star"),
    ({"aretomo_dir": "session"}, "--aretomo-dir"),
    ({"warp": "warp"}, "--warp-xml"),
]
PLAIN = [
    ({"tilts": "-60,60"}, "--tilts"),
    ({"tilt_column": 0}, "--tilt-column"),
    ({"dose": "d.txt"}, "--dose"),
    ({"dose_column": 1}, "--dose-column"),
    ({"defocus": "3"}, "--defocus"),
    ({"phase_shift_deg": 90.0}, "--phase-shift"),
]


def params(**given):
    return MatchParams(templates=["a.mrc"], **given)


@pytest.mark.parametrize(("project", "flag"), PROJECTS)
@pytest.mark.parametrize(("given", "option"), PLAIN)
def test_a_project_tells_its_tilts_itself(project, flag, given, option):
    check_options(params(**project))
    with pytest.raises(InputError, match=rf"^{option}: the files of {flag} tell it; leave it out$"):
        check_options(params(**project, **given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mrc_dir": "x"}, "--mrc-dir: goes with --relion-star, --aretomo-dir, --warp-xml"),
        ({"volume_suffixes": ["_a"]}, "--volume-suffix: goes with"),
        ({"dose_per_tilt": 3.0}, "--dose-per-tilt: goes with --aretomo-dir"),
        ({"dose_column": 1}, "--dose-column: needs --dose"),
        ({"cone_distance_angstrom": 9.0}, "--cone-distance: needs --cone"),
        ({"tomogram_mask": "a", "mask_dir": "b"}, "--tomogram-mask and --mask-dir: give one"),
        ({"tilts": "-60,60", "ctf_model": "plain"}, "ctf-model plain: needs the single tilts"),
        ({"tilts": "-60,60", "ctf_model": "phase-flip"}, "ctf-model phase-flip: needs the single"),
        ({"tilts": "-60,60", "tilt_column": 1}, "--tilt-column: needs a file"),
    ],
)
def test_plain_tomograms(given, message):
    with pytest.raises(InputError, match=message):
        check_options(params(tomograms=["a.mrc"], **given))


def test_options_of_projects_pass_with_projects():
    check_options(params(relion_star="t", mrc_dir="x", volume_suffixes=["_a"]))
    check_options(params(aretomo_dir="t", dose_per_tilt=3.0))
    check_options(params(relion_star="t", strip_prefixes=["tomo_"], mask_dir="m"))
    with pytest.raises(InputError, match="--strip-prefix: has no meaning with --aretomo-dir"):
        check_options(params(aretomo_dir="t", strip_prefixes=["tomo_"]))


def test_what_belongs_together_passes():
    check_options(params(tomograms=["a"], tilts="a.tlt", defocus="3", ctf_model="phase-flip"))
    check_options(params(tomograms=["a"], tilts="-60,60", ctf_model="none"))
    check_options(params(tomograms=["a"], dose="d", dose_column=1, tilt_column=0, tilts="x"))
    check_options(params(tomograms=["a"], cone=("m.stl", 20.0), cone_distance_angstrom=9.0))


def checked(files, **given):
    asked = params_for(files, **given)
    (source,) = tomogram_sources(asked)
    check_source(source, open_image(source.path), asked)


def test_one_tomogram_is_checked_from_headers(tmp_path):
    files = write_files(tmp_path)
    checked(files)
    checked(files, tilts=str(files.tilts), defocus="3", phase_shift_deg=90.0, handedness=1)
    for option, value, flag in (
        ("phase_shift_deg", 90.0, "--phase-shift"),
        ("handedness", 1, "--defocus-handedness"),
    ):
        with pytest.raises(InputError, match=f"{flag}: the defocus of each tilt of TS_01 is not"):
            checked(files, tilts=str(files.tilts), **{option: value})
    with pytest.raises(InputError, match="--search-z 0 41: expected a range within 0 to 40"):
        checked(files, search_z_px=(0, 41))
    with pytest.raises(InputError, match="--search-x 9 9: expected a range"):
        checked(files, search_x_px=(9, 9))
    with pytest.raises(MissingFileError, match=r"absent\.stl"):
        checked(files, cone=("absent.stl", 10.0))
    write_mrc(tmp_path / "mask_of_another.mrc", np.ones((9, 64, 64), np.float32), 14.0)
    with pytest.raises(InputError, match=r"mask_of_another\.mrc: has 64 x 64 x 9 voxels"):
        checked(files, tomogram_mask=str(tmp_path / "mask_of_another.mrc"))


def test_the_plan_asks(tmp_path):
    files = write_files(tmp_path)
    for given in ({"dose_per_tilt": 3.0}, {"search_z_px": (0, 41)}, {"cutoff": 0.3, "fdr": 0.1}):
        with pytest.raises(InputError, match=r"^--"):
            plan(params_for(files, **given))
