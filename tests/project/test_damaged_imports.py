"""Damaged files of every sort: one clear error, and the project as it was before."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import CryopickError
from cryopick.io.images import write_mrc
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.import_picks import import_picks
from cryopick.project.import_relion import import_relion
from cryopick.project.import_tilts import import_aretomo, import_tilt_series, import_warp
from cryopick.project.importing import Imported, import_images
from cryopick.project.store import Project, create_project
from shared_data import shared

Importer = Callable[[Project, Path], Imported]

NASTY = (b"\0", b"\xff\xfe", b"nan", b"-1e400", b"99999999999999999999", b"loop_", b"_rln", b"\n\n")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Cut, flip, repeat or insert."""
    if not data:
        return b"\0"
    place = chance.randrange(len(data))
    match chance.randrange(5):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        case 2:
            return data[:place] + chance.choice(NASTY) + data[place:]
        case 3:
            end = min(len(data), place + chance.randrange(1, 200))
            return data[:place] + data[end:]
        case _:
            return data[:place] + data[place : place + 40] * 3 + data[place:]


def images(project: Project, ndim: int, *names: str) -> None:
    kind = SetKind.MICROGRAPHS if ndim == 2 else SetKind.TOMOGRAMS
    members = tuple(Member(name=n, size_px=(400, 300, 200)[:ndim]) for n in names)
    project.put(
        Dataset(name="images", kind=kind, ndim=ndim, members=members, pixel_size_angstrom=2.0)
    )


def stack_of_micrographs(path: Path) -> None:
    write_mrc(path, np.zeros((6, 8), np.float32), 1.5)


def relion(project: Project, path: Path) -> Imported:
    return import_relion(project, path)


def picks(project: Project, path: Path) -> Imported:
    return import_picks(project, [path], images="images", skip_unmatched=True)


def tilts(project: Project, path: Path) -> Imported:
    return import_tilt_series(project, [path])


def warp(project: Project, path: Path) -> Imported:
    return import_warp(project, [path])


def micrograph(project: Project, path: Path) -> Imported:
    return import_images(project, [path], kind=SetKind.MICROGRAPHS)


def tried(run: Importer, project: Project, path: Path) -> tuple[tuple[Dataset, ...], str]:
    """The sets an import brings, or the words it is refused with; no other error is let past."""
    try:
        return run(project, path).datasets, ""
    except CryopickError as error:
        return (), str(error)


CASES: list[tuple[str, Importer]] = [
    ("formats/relion5_tomo_project/Tomograms/job006/tomograms.star", relion),
    ("formats/relion5_spa_project/CtfFind/job005/micrographs_ctf.star", relion),
    ("formats/relion5_tomo_project/Picks/job009/annotations/TS_01_spheres.star", picks),
    ("formats/mdoc/tilt_series.mdoc", tilts),
    ("formats/cryocat_ts017/017.tlt", tilts),
    ("formats/cryocat_ts017/017.xml", warp),
]


@pytest.mark.parametrize(("relative", "run"), CASES, ids=[Path(name).name for name, _ in CASES])
def test_mutated_files_are_refused_or_read(tmp_path: Path, relative: str, run: Importer):
    source = shared(relative)
    data = source.read_bytes()[:20_000]
    chance = random.Random(relative)
    refused = 0
    with create_project(tmp_path / "p") as project:
        images(project, 3, "TS_01")
        for number in range(40):
            path = tmp_path / f"{number}" / source.name
            path.parent.mkdir()
            path.write_bytes(mutated(mutated(data, chance), chance))
            before = project.names()
            done, error = tried(run, project, path)
            refused += bool(error)
            assert "\n" not in error
            assert set(project.names()) == {*before, *(d.name for d in done)}
        project.check()
    assert refused > 0


def test_mutated_images_are_refused_or_read(tmp_path: Path):
    chance = random.Random(4)
    stack_of_micrographs(tmp_path / "good.mrc")
    data = (tmp_path / "good.mrc").read_bytes()
    refused = 0
    with create_project(tmp_path / "p") as project:
        for number in range(60):
            path = tmp_path / f"m{number}.mrc"
            path.write_bytes(mutated(data[:64] if number % 3 == 0 else data, chance))
            _, error = tried(micrograph, project, path)
            refused += bool(error)
            assert not error or path.name in error
    assert refused > 10


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.star", b""),
        ("a.star", b"data_\nloop_\n_rlnTomoName #1\n"),
        ("a.star", b"data_\nloop_\n_rlnMicrographName #1\n\n"),
        ("a.star", b"data_\n_rlnTomoTomogramsFile a.star\n_rlnTomoParticlesFile b.star\n"),
        ("a.star", b"data_\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\nx -1.0\n"),
        ("a.star", b"data_\nloop_\n_rlnMicrographName\n_rlnOpticsGroup\n'' 1\n"),
        ("a.star", b"data_\nloop_\n_rlnMicrographName\n_rlnDefocusU\n_rlnDefocusV\na x y\n"),
        (
            "a.star",
            b"data_\nloop_\n_rlnMicrographName\n_rlnVoltage\n_rlnSphericalAberration\na 0 1\n",
        ),
        ("a.star", bytes(range(256)) * 30),
    ],
)
def test_star_files_with_nothing_to_import(tmp_path: Path, name: str, content: bytes):
    """Tables without rows are sets without members; all else is refused with its reason."""
    (tmp_path / name).write_bytes(content)
    with create_project(tmp_path / "p") as project:
        done, error = tried(relion, project, tmp_path / name)
        assert not error or name in error
        assert [len(d) for d in done] == ([] if error else [0])
        assert len(project.names()) == len(done)


def test_a_folder_where_a_file_should_be(tmp_path: Path):
    (tmp_path / "x.mrc").mkdir()
    (tmp_path / "x.star").mkdir()
    (tmp_path / "x.mdoc").mkdir()
    with create_project(tmp_path / "p") as project:
        images(project, 2, "x")
        for run, name in ((micrograph, "x.mrc"), (picks, "x.star"), (tilts, "x.mdoc")):
            with pytest.raises(CryopickError, match=r"x\.(mrc|star|mdoc)"):
                run(project, tmp_path / name)
        with pytest.raises(CryopickError, match=r"no \.aln file; give the output folder"):
            import_aretomo(project, tmp_path)
