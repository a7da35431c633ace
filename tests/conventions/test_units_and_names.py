"""Lines 11 to 17 of ``docs/conventions.md``: units, signs, names, reasons, exposure."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import cryopick
from cryopick import model
from cryopick.errors import InputError
from cryopick.io.images import image_name
from cryopick.io.metadata.ctffind import read_ctffind
from cryopick.io.metadata.gctf import read_gctf_star
from cryopick.io.metadata.imod_defocus import read_imod_defocus, write_imod_defocus
from cryopick.io.metadata.mdoc import mdoc_tilt_series, read_mdoc
from cryopick.io.metadata.relion_micrographs import Micrograph, read_micrographs, write_micrographs
from cryopick.io.metadata.relion_tilt_series import read_tilt_series, write_tilt_series
from cryopick.io.metadata.tlt import prior_exposure
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialects, read_picks, write_picks
from cryopick.jobs.registry import JOBS, load_job
from cryopick.model import (
    REASONS,
    Defocus,
    Grid,
    Optics,
    Picks,
    TiltSeries,
    active,
    delete,
    deleted,
)
from cryopick.ops.ctf import ctf_curve, ctf_image

SUFFIX_OF_UNIT = {
    "Å": "_angstrom",
    "px": "_px",
    "µm": "_um",
    "deg": "_deg",
    "kV": "_kv",
    "mm": "_mm",
    "e/Å²": "_e_per_a2",
    "Å²": "_a2",
    "1/µm²": "_per_um2",
    "GB": "_gb",
}
SOURCES = sorted(Path(cryopick.__file__).parent.rglob("*.py"))

# 11. Every physical name carries its unit.


@pytest.mark.parametrize("words", JOBS)
def test_11_every_parameter_with_a_unit_ends_in_it(words):
    for name, field in load_job(words).params.model_fields.items():
        unit = field.json_schema_extra["unit"]
        if unit in SUFFIX_OF_UNIT:
            assert name.endswith(SUFFIX_OF_UNIT[unit]), f"{words}: {name} is in {unit}"
        ending = [u for u, suffix in SUFFIX_OF_UNIT.items() if name.endswith(suffix)]
        if ending:
            assert unit in ending, f"{words}: {name} says {unit!r}"


PHYSICAL = re.compile(
    r"(^|_)(pixel_size|diameter|defocus|voltage|exposure|wavelength|tilt|angle|cs|low_pass|position"
    r"|orientation|phase_shift|axis_angle|extent|origin)(_|$)"
)
UNIT = re.compile(r"_(angstrom|px|um|deg|kv|mm|e_per_a2)$")
# An orientation is a unit quaternion: it has no unit.
UNITLESS = {"orientation"}


def test_11_the_data_types_name_their_units():
    kinds = (model.Grid, Picks, Optics, Defocus, TiltSeries, model.ImageStack)
    names = [f"{kind.__name__}.{field.name}" for kind in kinds for field in fields(kind)]
    physical = [name for name in names if PHYSICAL.search(name.partition(".")[2])]
    bare = [n for n in physical if not UNIT.search(n) and n.partition(".")[2] not in UNITLESS]
    assert len(physical) > 12
    assert bare == []


def test_11_no_boolean_changes_what_a_number_means():
    """No switch says in which unit, from which origin or in which order other arguments are."""
    meaning = re.compile(
        r"(^|_)(binned|unbinned|px|angstrom|nm|degrees?|radians?|centred|centered|zyx|xyz"
        r"|flip(ped)?|inverse|one_based|matlab)(_|$)"
    )
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                arguments = node.args.args + node.args.kwonlyargs
                found += [
                    f"{path.name}:{node.name}({a.arg})"
                    for a in arguments
                    if a.annotation is not None
                    and ast.unparse(a.annotation) in ("bool", "bool | None")
                    and meaning.search(a.arg)
                ]
    assert found == []


# 12. Defocus is positive for underfocus, in µm; the astigmatism angle runs from x towards y.


def test_12_underfocus_makes_matter_dark_at_first():
    """Just off zero frequency, protein (more scattering) is dark: the CTF falls from -0.07 on."""
    k = np.array([0.0, 0.005, 0.01])
    under = ctf_curve(k, Optics(), defocus_um=2.0)
    over = ctf_curve(k, Optics(), defocus_um=-2.0)
    assert under[0] == pytest.approx(-0.07)
    assert under[2] < under[1] < under[0] < 0
    assert over[2] > 0  # and bright where the lens is overfocused


@pytest.mark.parametrize(
    ("angle_deg", "stronger"),
    [(0.0, (0, 1)), (90.0, (1, 0)), (45.0, (1, 1)), (135.0, (-1, 1))],
)
def test_12_the_astigmatism_angle_runs_from_x_towards_y(angle_deg, stronger):
    """Along the axis of ``u`` the defocus is the larger one, so its CTF oscillates faster."""
    n, pixel = 64, 4.0
    defocus = Defocus(u_um=3.0, v_um=1.0, astigmatism_angle_deg=angle_deg)
    image = ctf_image((n, n), pixel, optics=Optics(cs_mm=0.0), defocus=defocus)
    y, x = stronger
    for scale in (2, 5, 9):
        k = np.hypot(y, x) * scale / (n * pixel)
        along = image[y * scale % n, x * scale]
        expected = ctf_curve(np.array([k]), Optics(cs_mm=0.0), defocus_um=3.0)[0]
        assert along == pytest.approx(expected, abs=1e-4)


TRUE = Defocus(u_um=1.8, v_um=1.6, astigmatism_angle_deg=30.0)


def ctffind_text(path):
    path.write_text("1 18000.0 16000.0 30.0 0.0 0.1 8.0\n")  # Å
    return read_ctffind(path).defocus[0]


def gctf_star(path):
    names = ["rlnMicrographName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle"]
    loop = "".join(f"_{name}\n" for name in names)
    path.write_text(f"data_\nloop_\n{loop}a.mrc 18000 16000 30\n")  # Å
    return read_gctf_star(path).defocus[0]


def relion_star(path):
    names = ["rlnMicrographName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle"]
    loop = "".join(f"_{name}\n" for name in names)
    path.write_text(f"data_micrographs\nloop_\n{loop}a.mrc 18000 16000 30\n")  # Å
    return read_micrographs(path)[0].defocus


def imod_defocus(path):
    path.write_text("1 0 0. 0. 0. 3\n1 1 0.00 0.00 1800 1600 30\n")  # nm
    return read_imod_defocus(path).ranges[0].defocus


@pytest.mark.parametrize("read", [ctffind_text, gctf_star, relion_star, imod_defocus])
def test_12_every_reader_gives_um(tmp_path, read):
    found = read(tmp_path / "a.txt")
    assert (found.u_um, found.v_um) == pytest.approx((TRUE.u_um, TRUE.v_um))
    assert found.astigmatism_angle_deg == pytest.approx(30.0)


def test_12_what_is_written_is_in_the_unit_of_the_program(tmp_path):
    write_micrographs(tmp_path / "m.star", [Micrograph(path="a.mrc", name="a", defocus=TRUE)])
    assert re.search(r"\b18000(\.0+)?\s+16000(\.0+)?\b", (tmp_path / "m.star").read_text())
    write_imod_defocus(tmp_path / "a.defocus", [TRUE], tilt_deg=[0.0])
    assert re.search(r"\b1800(\.0+)?\s+1600(\.0+)?\b", (tmp_path / "a.defocus").read_text())


# 13. Score: higher is better, always.


def frame_for(ndim):
    return Frame(default_grid=Grid(shape=(60, 70, 80)[-ndim:], pixel_size_angstrom=2.0))


KEEPS_SCORE = [
    (name, ndim)
    for name, d in dialects().items()
    for ndim in d.dimensions
    if d.write is not None and "score" in d.keeps
]


@pytest.mark.parametrize(("name", "ndim"), KEEPS_SCORE)
def test_13_the_best_pick_stays_the_best_through_every_dialect(tmp_path, name, ndim):
    score = np.array([0.2, 0.9, 0.05, 0.5])
    position = np.array([[20.0, 30, 40], [60, 30, 20], [40, 50, 60], [80, 80, 80]])[:, :ndim]
    picks = Picks.of(position, image="a", score=score, label="ribosome")
    suffixes = dialects()[name].suffixes
    path = tmp_path / f"a{suffixes[0] if suffixes else ''}"
    write_picks(picks, path, frame_for(ndim), name=name)
    found = read_picks(path, frame_for(ndim), name=name).picks
    best_first = found.position_angstrom[np.argsort(-np.asarray(found.score))]
    np.testing.assert_allclose(best_first, position[[1, 3, 0, 2]], atol=0.01)


# 14. Ids and names are strings, always.

ODD_NAMES = ["007", "1e5", "0x10", "nan", "None", "1_000", "-5", "true", "1.50", "+3"]
KEEPS_NAMES = [
    (name, ndim)
    for name, d in dialects().items()
    for ndim in d.dimensions
    if d.write is not None and "image" in d.keeps
]


@pytest.mark.parametrize("image", ODD_NAMES)
@pytest.mark.parametrize(("name", "ndim"), KEEPS_NAMES)
def test_14_an_image_called_007_stays_007(tmp_path, name, ndim, image):
    picks = Picks.of([[20.0] * ndim, [30.0] * ndim], image=image, label="a", score=[1.0, 2.0])
    suffixes = dialects()[name].suffixes
    path = tmp_path / f"{image}{suffixes[0] if suffixes else ''}"
    write_picks(picks, path, frame_for(ndim), name=name)
    found = read_picks(path, frame_for(ndim), name=name).picks
    assert found.image.dtype.kind == "U"
    assert found.image.tolist() == [image, image]


@pytest.mark.parametrize("column", ["group", "label"])
@pytest.mark.parametrize("name", ["csv", "cryopick-npz", "relion5", "warp"])
def test_14_groups_and_labels_are_texts(tmp_path, name, column):
    picks = Picks.of([[20.0] * 3] * 2, image="a", **{column: ["007", "1e5"]})
    path = tmp_path / f"a{(dialects()[name].suffixes or ('',))[0]}"
    write_picks(picks, path, frame_for(3), name=name)
    found = read_picks(path, frame_for(3), name=name).picks
    assert sorted(getattr(found, column).tolist()) == ["007", "1e5"]


def test_14_a_tilt_series_called_1e5_stays_so(tmp_path):
    series = TiltSeries(name="1e5", tilt_deg=np.array([-3.0, 0.0, 3.0]))
    write_tilt_series(tmp_path / "t.star", series)
    assert read_tilt_series(tmp_path / "t.star").name == "1e5"


# 15. Names of images.


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/TS_007.mrc", "TS_007"),
        ("TS_007.b4.rec.gz", "TS_007.b4"),
        ("mic.1.2.mrc.bz2", "mic.1.2"),
        ("run.ome.zarr", "run"),
        ("run.zarr", "run"),
        ("MIC.MRC", "MIC"),
        ("noise.txt", "noise.txt"),
        ("007", "007"),
        (".mrc", ".mrc"),
        ("a.mrc.mrc", "a.mrc"),
    ],
)
def test_15_folders_and_image_suffixes_are_cut_and_other_dots_kept(path, name):
    assert image_name(path) == name


def test_15_images_are_matched_by_name_across_sets(tmp_path):
    """Picks of ``raw/mic.mrc`` belong to the image ``denoised/mic.tif``."""
    star = tmp_path / "p.star"
    star.write_text(
        "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\nraw/mic.mrc 10 20\n"
    )
    grid = Grid(shape=(50, 60), pixel_size_angstrom=3.0)
    found = read_picks(star, Frame(grids={image_name("denoised/mic.tif"): grid})).picks
    assert found.image.tolist() == ["mic"]
    assert found.position_angstrom.tolist() == [[30.0, 60.0]]


# 16. Deleting a pick keeps it, with its reason.


def test_16_the_reasons_are_those_of_the_page():
    page = Path(__file__).resolve().parents[2] / "docs" / "conventions.md"
    [line] = re.findall(r"one of these reasons: ([^.]*)\.", page.read_text("utf-8"))
    assert tuple(" ".join(r.split()) for r in line.split(",")) == REASONS


@pytest.mark.parametrize("reason", REASONS)
def test_16_a_deleted_pick_is_kept_with_its_reason(reason):
    picks = Picks.of([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], image="a", score=[1, 2, 3])
    less = delete(picks, np.array([False, True, False]), reason=reason)
    assert len(less) == 3
    assert active(less).position_angstrom.tolist() == [[1.0, 2.0], [5.0, 6.0]]
    gone = deleted(less)
    assert (gone.score.tolist(), gone.reason.tolist()) == ([2.0], [reason])
    # A second reason does not replace the first.
    again = delete(less, np.array([False, True, True]), reason="manual")
    assert again.reason.tolist() == ["", reason, "manual"]


def test_16_every_deletion_in_the_program_gives_one_of_the_reasons():
    found = [
        (path.name, keyword.value.value)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "delete"
        for keyword in node.keywords
        if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant)
    ]
    assert found
    assert {reason for _, reason in found} <= set(REASONS)


@pytest.mark.parametrize("name", [n for n, d in dialects().items() if d.write])
def test_16_what_is_deleted_is_never_handed_on_as_a_pick(tmp_path, name):
    ndim = max(dialects()[name].dimensions)
    picks = Picks.of([[20.0] * ndim, [40.0] * ndim], image="a", label="x", score=[1.0, 2.0])
    picks = delete(picks, np.array([True, False]), reason="duplicate")
    path = tmp_path / f"a{(dialects()[name].suffixes or ('',))[0]}"
    write_picks(picks, path, frame_for(ndim), name=name)
    found = active(read_picks(path, frame_for(ndim), name=name).picks)
    np.testing.assert_allclose(found.position_angstrom, [[40.0] * ndim], atol=0.01)


# 17. Exposure is what the specimen received before an image was taken.


def test_17_the_first_image_was_taken_of_a_fresh_specimen(tmp_path):
    """Taken 0, +3, -3, +6, each with 2.5 e/Å²; the stack is in order of tilt."""
    tilt = np.array([-3.0, 0.0, 3.0, 6.0])
    taken = np.array([3, 1, 2, 4])
    before = prior_exposure(2.5, taken)
    assert before.tolist() == [5.0, 0.0, 2.5, 7.5]
    series = TiltSeries(name="T", tilt_deg=tilt, exposure_e_per_a2=before)
    write_tilt_series(tmp_path / "t.star", series)
    text = (tmp_path / "t.star").read_text()
    assert "rlnMicrographPreExposure" in text
    assert read_tilt_series(tmp_path / "t.star").exposure_e_per_a2.tolist() == [5.0, 0.0, 2.5, 7.5]


def test_17_an_mdoc_counts_what_came_before(tmp_path):
    parts = ["PixelSpacing = 1.35"]
    for index, (tilt, second) in enumerate([(-3, 20), (0, 0), (3, 10)]):
        parts.append(
            f"[ZValue = {index}]\nTiltAngle = {tilt}\nExposureDose = 2.5\n"
            f"DateTime = 10-Jan-24  12:00:{second:02d}"
        )
    (tmp_path / "T.mrc.mdoc").write_text("\n\n".join(parts) + "\n")
    series = mdoc_tilt_series(read_mdoc(tmp_path / "T.mrc.mdoc"))
    assert series.tilt_deg.tolist() == [-3.0, 0.0, 3.0]
    assert series.exposure_e_per_a2.tolist() == [5.0, 0.0, 2.5]


def test_17_two_images_at_one_moment_are_refused():
    with pytest.raises(InputError, match="taken at the same moment"):
        prior_exposure(1.0, np.array([1, 1, 2]))
