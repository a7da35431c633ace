"""Damaged files, over every reader of STAR and CSV: an error of ours, or picks."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryopick.errors import CryopickError
from cryopick.io.metadata.pytom_job import read_pytom_job
from cryopick.io.metadata.relion_classes import read_classes
from cryopick.io.metadata.relion_micrographs import read_micrographs
from cryopick.io.metadata.relion_optimisation_set import read_optimisation_set
from cryopick.io.metadata.relion_tilt_series import read_tilt_series
from cryopick.io.metadata.relion_tomograms import read_tomograms
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialect
from cryopick.io.star_recognise import recognised_star
from cryopick.model import Grid

DIALECTS = (
    "relion",
    "relion-coordinates",
    "relion3",
    "relion4",
    "relion5",
    "pytom",
    "pytom-relion5",
    "warp",
    "csv",
)
READERS: tuple[Callable[[Path], Any], ...] = (
    recognised_star,
    read_micrographs,
    read_tilt_series,
    read_tomograms,
    read_optimisation_set,
    read_classes,
    read_pytom_job,
)
FRAMES = (
    Frame(),
    Frame(pixel_size_angstrom=2.0),
    Frame(default_grid=Grid(shape=(30, 40), pixel_size_angstrom=2.0)),
    Frame(default_grid=Grid(shape=(20, 30, 40), pixel_size_angstrom=2.0)),
)
SEEDS: dict[str, str] = {
    "particles2": "# version 50001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnVoltage #2\n"
    "_rlnMicrographPixelSize #3\n1 300 1.5\n\ndata_particles\n\nloop_\n_rlnMicrographName #1\n"
    "_rlnCoordinateX #2\n_rlnCoordinateY #3\n_rlnAnglePsi #4\n_rlnAutopickFigureOfMerit #5\n"
    "_rlnOriginXAngst #6\n_rlnOriginYAngst #7\n_rlnOpticsGroup #8\n_rlnDefocusU #9\n"
    "_rlnDefocusV #10\na.mrc 1.5 2.5 30 0.5 1 2 1 10000 12000\n'b c.mrc' 5 6 -999 -999 0 0 1 1 1\n",
    "particles3": "data_optics\nloop_\n_rlnOpticsGroup\n_rlnTomoTiltSeriesPixelSize\n1 1.5\n\n"
    "data_particles\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n"
    "_rlnCenteredCoordinateYAngst\n_rlnCenteredCoordinateZAngst\n_rlnCoordinateX\n_rlnCoordinateY\n"
    "_rlnCoordinateZ\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n_rlnTomoSubtomogramRot\n"
    "_rlnTomoSubtomogramTilt\n_rlnTomoSubtomogramPsi\n_rlnLCCmax\n_rlnCutOff\n_rlnSearchStd\n"
    "_rlnOpticsGroup\nT 1 2 3 4 5 6 7 8 9 10 11 12 0.5 0.1 0.02 1\n",
    "own": "data_particles\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n"
    "_rlnCenteredCoordinateYAngst\n_rlnCenteredCoordinateZAngst\nT 1 2 3\n\n"
    "data_cryopick_images\nloop_\n_cryopickImageName\n_cryopickPixelSizeAngst\n"
    "_cryopickImageSizeX\n_cryopickOriginXAngst\n_cryopickImageSizeY\n_cryopickOriginYAngst\n"
    "_cryopickImageSizeZ\n_cryopickOriginZAngst\nT 2 10 0 20 0 30 0\n",
    "tomograms": "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\n_rlnTomoHand\n"
    "_rlnTomoSizeX\n_rlnTomoSizeY\n_rlnTomoSizeZ\n_rlnVoltage\nT 1.5 -1 100 200 300 300\n\n"
    "data_T\nloop_\n_rlnTomoProjX\n_rlnTomoProjY\n_rlnTomoProjZ\n_rlnDefocusU\n_rlnDefocusV\n"
    "[1,0,0,0] [0,1,0,0] [0,0,1,0] 30000 30000\n",
    "list": "data_coordinate_files\nloop_\n_rlnMicrographName\n_rlnMicrographCoordinates\n"
    "m.mrc damaged.star\n",
    "csv": 'image,x,y,z,score,label,rot,tilt,psi,diameter\na.mrc,1,2,3,0.5,"p, q",1,2,3,9\n',
    "job": '{"tomo_shape": [10, 20, 30], "voxel_size": 8.0, "tilt_angles": [-60, 60], '
    '"search_x": [0, 10], "n_rotations": 50, "job_stats": {"search_space": 100, "std": 0.1}}',
}
WORDS = [b"nan", b"-inf", b"1e999", b"1e308", b'""', b"'", b'"', b"-999", b"0", b"9" * 30, b"\xff"]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One of seven kinds of damage."""
    data = bytearray(content)
    place = rng.randrange(len(data))
    stop = min(len(data), place + rng.randrange(1, 80))
    kind = rng.randrange(7)
    if kind == 0:
        return content[:place]
    if kind == 1:
        for _ in range(rng.randrange(1, 9)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:
        data[place:place] = rng.randbytes(rng.randrange(1, 60))
    elif kind == 3:
        del data[place:stop]
    elif kind == 4:
        words = content.split(b" ")
        words[rng.randrange(len(words))] = rng.choice(WORDS)
        return b" ".join(words)
    elif kind == 5:
        data[place:place] = data[place:stop] * rng.randrange(1, 200)
    else:
        lines = content.split(b"\n")
        rng.shuffle(lines)
        return b"\n".join(lines)
    return bytes(data)


@pytest.mark.parametrize("name", SEEDS)
def test_damage_gives_picks_or_one_line_that_names_the_file(tmp_path, name):
    rng = random.Random(name)
    path = tmp_path / "damaged.star"
    outcomes = {"read": 0, "refused": 0}
    for _ in range(40):
        path.write_bytes(damaged(SEEDS[name].encode(), rng))
        frame = rng.choice(FRAMES)
        calls = [lambda d=d, frame=frame: dialect(d).read(path, frame) for d in DIALECTS]
        calls += [lambda read=read: read(path) for read in READERS]
        for call in calls:
            try:
                call()
                outcomes["read"] += 1
            except CryopickError as error:
                outcomes["refused"] += 1
                assert "damaged.star" in str(error)
                assert "\n" not in str(error)
    # Both must happen, else the damage was too small or too large to test anything.
    assert min(outcomes.values()) > 0


@pytest.mark.parametrize("name", DIALECTS)
def test_sniffing_never_fails(tmp_path, name):
    rng = random.Random(3)
    sniff = dialect(name).sniff
    path = tmp_path / "damaged.star"
    for seed in SEEDS.values():
        for _ in range(10):
            assert 0 <= sniff(path, damaged(seed.encode(), rng)) <= 3
    assert sniff(path, b"") == 0
    assert sniff(path, bytes(range(256)) * 10) == 0


@pytest.mark.parametrize("name", [d for d in DIALECTS if d != "csv"])
def test_a_folder_is_refused(tmp_path, name):
    with pytest.raises(CryopickError):
        dialect(name).read(tmp_path, Frame())
