"""The same particle in every program's file lies in the same voxel.

What each program takes for its origin and its unit is applied by hand here, on the text of the
file, for tomograms of even and odd size at binning 1, 2 and 4.
"""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
import pytest

from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.model import Grid, Picks

PIXEL = 1.5  # Å, of the tilt series
VOXELS = np.array([[3.0, 4.0, 5.0], [10.25, 7.5, 6.75], [0.0, 0.0, 0.0]])  # x, y, z


@dataclass(frozen=True)
class Tomogram:
    """A tomogram of ``unbinned`` pixels of 1.5 Å, searched after averaging over ``binning``."""

    unbinned: np.ndarray  # x, y, z
    binning: int

    @property
    def grid(self):
        shape = tuple(int(n) for n in self.unbinned[::-1])
        return Grid(shape=shape, pixel_size_angstrom=PIXEL).binned_by_mean(self.binning)

    @property
    def frame(self):
        return Frame(grids={"rec_007": self.grid}, tilt_series_pixel_angstrom=PIXEL)

    @property
    def voxel_angstrom(self):
        return PIXEL * self.binning

    def unbinned_index(self, voxel):
        """Voxel ``i`` averages the pixels from ``b * i`` to ``b * i + b - 1``."""
        return voxel * self.binning + (self.binning - 1) / 2


TOMOGRAMS = [
    pytest.param(Tomogram(np.array(size) * binning, binning), id=f"{size[0]}x{binning}")
    for size in ((20, 24, 28), (21, 25, 29))
    for binning in (1, 2, 4)
]


def star_table(text, *names):
    """Columns of the first loop that has them all, read without our own parser."""
    for loop in text.split("loop_")[1:]:
        labels = re.findall(r"^ *_(\w+)", loop, re.MULTILINE)
        if set(names) <= set(labels):
            lines = [line for line in loop.splitlines() if line.strip()]
            rows = [line.split() for line in lines if len(line.split()) == len(labels) > 2]
            picked = [[float(row[labels.index(name)]) for name in names] for row in rows]
            return np.array(picked)
    raise AssertionError(f"no table with {names}")


def xyz(pattern):
    return [pattern.format(axis) for axis in "XYZ"]


def relion5(path, tomogram):
    """Å from index N / 2 of the unbinned tomogram."""
    found = star_table(path.read_text(), *xyz("rlnCenteredCoordinate{}Angst"))
    return found / PIXEL + tomogram.unbinned / 2


def relion4(path, tomogram):
    """Unbinned pixels."""
    return star_table(path.read_text(), *xyz("rlnCoordinate{}"))


def pytom_relion5(path, tomogram):
    """Å from index N / 2 - 1 of the unbinned tomogram."""
    found = star_table(path.read_text(), *xyz("rlnCenteredCoordinate{}Angst"))
    return found / PIXEL + (tomogram.unbinned / 2 - 1)


def searched_voxels(path, tomogram):
    """Voxels of the searched volume, the first is 0."""
    return tomogram.unbinned_index(star_table(path.read_text(), *xyz("rlnCoordinate{}")))


def xmipp(path, tomogram):
    return tomogram.unbinned_index(star_table(path.read_text(), "xcoor", "ycoor", "zcoor"))


def stopgap(path, tomogram):
    """MATLAB's first voxel is 1; the pick is at orig + shift."""
    whole = star_table(path.read_text(), "orig_x", "orig_y", "orig_z")
    shift = star_table(path.read_text(), "x_shift", "y_shift", "z_shift")
    return tomogram.unbinned_index(whole + shift - 1)


def dynamo(path, tomogram):
    """Columns 24 to 26 plus 4 to 6, the first voxel is 1."""
    table = np.array([line.split() for line in path.read_text().splitlines()], dtype=float)
    return tomogram.unbinned_index(table[:, 23:26] + table[:, 3:6] - 1)


def em_list(path, tomogram):
    """Rows 8 to 10 plus 11 to 13 of 20, the first voxel is 1; a header of 512 bytes."""
    table = np.frombuffer(path.read_bytes()[512:], dtype="<f4").reshape(-1, 20).astype(float)
    return tomogram.unbinned_index(table[:, 7:10] + table[:, 10:13] - 1)


def imod(path, tomogram):
    """The centre of the first voxel is (0.5, 0.5, 0): z of a model counts sections."""
    table = np.array([line.split()[-3:] for line in path.read_text().splitlines()], dtype=float)
    return tomogram.unbinned_index(table - [0.5, 0.5, 0])


def plain_rows(path, tomogram):
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    return tomogram.unbinned_index(np.array(rows, dtype=float))


def eman(path, tomogram):
    """Pixels of ``apix_unbin`` Å from the middle, N / 2 voxels of the tomogram."""
    info = json.loads(path.read_text())
    boxes = np.array([box[:3] for box in info["boxes_3d"]])
    return boxes * info["apix_unbin"] / PIXEL + tomogram.unbinned / 2


def copick(path, tomogram):
    """Å from the first voxel of the specimen, the same at every voxel spacing."""
    points = json.loads(path.read_text())["points"]
    return np.array([[p["location"][a] for a in "xyz"] for p in points]) / PIXEL


def portal(path, tomogram):
    points = [json.loads(line)["location"] for line in path.read_text().splitlines()]
    return tomogram.unbinned_index(np.array([[p[a] for a in "xyz"] for p in points]))


def tardis(path, tomogram):
    rows = [line.split(",")[1:] for line in path.read_text().splitlines()[1:]]
    return np.array(rows, dtype=float) / PIXEL


def csv(path, tomogram):
    head, *rows = [line.split(",") for line in path.read_text().splitlines()]
    table = [[float(row[head.index(a)]) for a in "xyz"] for row in rows]
    return tomogram.unbinned_index(np.array(table))


def pytom_xml(path, tomogram):
    rows = []
    for particle in ET.parse(path).getroot().iter("Particle"):
        place, shift = particle.find("PickPosition"), particle.find("Shift")
        rows.append([float(place.get(a)) + float(shift.get(a)) for a in "XYZ"])
    return tomogram.unbinned_index(np.array(rows))


def deepfinder(path, tomogram):
    rows = [[float(o.get(a)) for a in "xyz"] for o in ET.parse(path).getroot().iter("object")]
    return tomogram.unbinned_index(np.array(rows))


def cbox(path, tomogram):
    """The corner in x and y plus half a box; z is the middle already."""
    names = ("CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height")
    text = path.read_text().replace("<NA>", "nan")
    table = star_table(re.sub(r" #\d+$", "", text, flags=re.MULTILINE), *names)
    half = np.column_stack([table[:, 3] / 2, table[:, 4] / 2, np.zeros(len(table))])
    return tomogram.unbinned_index(table[:, :3] + half)


def shrec(path, tomogram):
    rows = [line.split()[1:4] for line in path.read_text().splitlines()]
    return tomogram.unbinned_index(np.array(rows, dtype=float))


def shrec_zyx(path, tomogram):
    rows = [line.split()[3:0:-1] for line in path.read_text().splitlines()]
    return tomogram.unbinned_index(np.array(rows, dtype=float))


def topaz(path, tomogram):
    rows = [line.split("\t")[1:4] for line in path.read_text().splitlines()[1:]]
    return tomogram.unbinned_index(np.array(rows, dtype=float))


RULES = {
    "relion5": (".star", relion5),
    "relion4": (".star", relion4),
    "relion3": (".star", searched_voxels),
    "warp": (".star", searched_voxels),
    "pytom": (".star", searched_voxels),
    "pytom-relion5": (".star", pytom_relion5),
    "pytom-coordinates": (".txt", plain_rows),
    "pytom-xml": (".xml", pytom_xml),
    "stopgap": (".star", stopgap),
    "em-motive-list": (".em", em_list),
    "dynamo-table": (".tbl", dynamo),
    "imod-text": (".txt", imod),
    "eman-json": (".json", eman),
    "copick": (".json", copick),
    "portal-ndjson": (".ndjson", portal),
    "tardis": (".csv", tardis),
    "csv": (".csv", csv),
    "deepfinder": (".xml", deepfinder),
    "shrec": (".txt", shrec),
    "shrec-zyx": (".txt", shrec_zyx),
    "cryolo-cbox": (".cbox", cbox),
    "xmipp-xmd": (".xmd", xmipp),
    "topaz": (".txt", topaz),
    "points": (".txt", plain_rows),
}


def particles(tomogram):
    """The picks, their Å worked out from the voxels by hand."""
    angstrom = tomogram.unbinned_index(VOXELS) * PIXEL
    label = np.full(len(VOXELS), "ribosome")
    return Picks.of(angstrom, image="rec_007", label=label, score=[0.9, 0.5, 0.2])


@pytest.mark.parametrize("tomogram", TOMOGRAMS)
@pytest.mark.parametrize("name", RULES)
def test_every_program_finds_the_voxel_that_was_written(tmp_path, name, tomogram):
    suffix, rule = RULES[name]
    path = tmp_path / f"rec_007{suffix}"
    write_picks(particles(tomogram), path, tomogram.frame, name=name)
    found = rule(path, tomogram)
    found = found[np.argsort(-found[:, 0])]  # by x: lists of objects have their own order
    expected = tomogram.unbinned_index(VOXELS[[1, 0, 2]])
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("tomogram", TOMOGRAMS)
def test_imod_itself_finds_the_voxel_that_was_written(tmp_path, tomogram):
    imodmodel = pytest.importorskip("imodmodel")
    path = tmp_path / "rec_007.mod"
    write_picks(particles(tomogram), path, tomogram.frame, name="imod-model")
    points = imodmodel.read(path)[["x", "y", "z"]].to_numpy() - [0.5, 0.5, 0]
    np.testing.assert_allclose(points, VOXELS, atol=1e-4)


def pytom_file(path, coordinate, tomogram, *, metadata):
    """Candidates as pytom-match-pick computes them from voxels of the searched volume."""
    size = tomogram.unbinned / tomogram.binning
    if metadata:
        unbinned = coordinate * tomogram.binning
        centred = (unbinned - (size * tomogram.binning / 2 - 1)) * PIXEL
    else:
        centred = (coordinate - size / 2) * tomogram.voxel_angstrom
    names = [*xyz("rlnCenteredCoordinate{}Angst"), "rlnLCCmax", "rlnCutOff", "rlnSearchStd"]
    names += ["rlnTomoTiltSeriesPixelSize", "rlnTomoName"]
    rows = [
        " ".join(f"{v:.6f}" for v in (*row, 0.5, 0.1, 0.02, tomogram.voxel_angstrom)) + " 007"
        for row in centred
    ]
    loop = "\n".join(f"_{name}" for name in names) + "\n" + "\n".join(rows)
    path.write_text(f"data_particles\n\nloop_\n{loop}\n")


def relion_file(path, unbinned_index, tomogram):
    """Particles as RELION 5 computes them: Å from N / 2, its pixel size is the unbinned one."""
    centred = (unbinned_index - tomogram.unbinned / 2) * PIXEL
    names = [*xyz("rlnCenteredCoordinate{}Angst"), "rlnTomoTiltSeriesPixelSize", "rlnTomoName"]
    rows = [" ".join(f"{v:.6f}" for v in (*row, PIXEL)) + " 007" for row in centred]
    loop = "\n".join(f"_{name}" for name in names) + "\n" + "\n".join(rows)
    path.write_text(f"data_particles\n\nloop_\n{loop}\n")


@pytest.mark.parametrize("tomogram", TOMOGRAMS)
@pytest.mark.parametrize("metadata", [True, False])
def test_relion5_and_pytom_land_on_the_same_voxel(tmp_path, tomogram, metadata):
    """The searched volume is Fourier-cropped here, as RELION makes it: voxel i is pixel b * i."""
    whole = np.array([[3.0, 4.0, 5.0], [10.0, 7.0, 6.0], [0.0, 19.0, 1.0]])
    size = tuple(int(n) for n in tomogram.unbinned[::-1] // tomogram.binning)
    grid = Grid(shape=size, pixel_size_angstrom=tomogram.voxel_angstrom)
    # Only at binning 1 do both ways of writing leave whole voxels, and must be told apart by what
    # the user knows: the pixel size of the tilt series is that of the metadata.
    known = PIXEL if metadata or tomogram.binning > 1 else None
    frame = Frame(default_grid=grid, tilt_series_pixel_angstrom=known)
    pytom_file(tmp_path / "pytom.star", whole, tomogram, metadata=metadata)
    relion_file(tmp_path / "relion.star", whole * tomogram.binning, tomogram)
    for name in ("pytom.star", "relion.star"):
        picks = read_picks(tmp_path / name, frame).picks
        np.testing.assert_allclose(grid.to_px(picks.position_angstrom), whole, atol=1e-5)
        assert set(picks.image.tolist()) <= {"007", "rec_007"}


@pytest.mark.parametrize("tomogram", TOMOGRAMS)
@pytest.mark.parametrize("source", ["relion4", "pytom", "dynamo-table", "eman-json", "imod-text"])
def test_converted_to_relion5_the_voxel_stays(tmp_path, source, tomogram):
    """From each program's file to RELION 5, both ends by hand."""
    unbinned, voxel = tomogram.unbinned_index(VOXELS), VOXELS
    star = "data_\nloop_\n" + "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")
    lines = {
        "relion4": star
        + "_rlnTomoTiltSeriesPixelSize\n_rlnTomoName\n"
        + "".join(f"{x} {y} {z} {PIXEL} rec_007\n" for x, y, z in unbinned),
        "pytom": star
        + "_rlnLCCmax\n_rlnCutOff\n_rlnSearchStd\n_rlnMicrographName\n"
        + "".join(f"{x} {y} {z} 0.5 0.1 0.02 rec_007\n" for x, y, z in voxel),
        "dynamo-table": "".join(
            " ".join(["1"] + ["0"] * 22 + [f"{v + 1}" for v in row] + ["0"] * 9) + "\n"
            for row in voxel
        ),
        "imod-text": "".join(f"1 1 {x + 0.5} {y + 0.5} {z}\n" for x, y, z in voxel),
        "eman-json": json.dumps(
            {
                "apix_unbin": PIXEL,
                "boxes_3d": [[*row, "manual"] for row in (unbinned - tomogram.unbinned / 2)],
            }
        ),
    }
    path = tmp_path / f"rec_007{RULES[source][0]}"
    path.write_text(lines[source])
    frame = Frame(default_grid=tomogram.grid, tilt_series_pixel_angstrom=PIXEL)
    picks = read_picks(path, frame, name=source).picks
    write_picks(picks, tmp_path / "r5.star", frame, name="relion5")
    np.testing.assert_allclose(relion5(tmp_path / "r5.star", tomogram), unbinned, atol=1e-4)
    searched = star_table((tmp_path / "r5.star").read_text(), *xyz("rlnCoordinate{}"))
    np.testing.assert_allclose(searched, voxel, atol=1e-4)  # of the image that was searched


@pytest.mark.parametrize("tomogram", TOMOGRAMS)
def test_binning_does_not_move_the_specimen(tmp_path, tomogram):
    """The centre is half the specimen's extent, whatever the Grid's origin."""
    middle = tomogram.unbinned / 2 * PIXEL
    picks = Picks.of([middle], image="rec_007")
    write_picks(picks, tmp_path / "p.star", tomogram.frame, name="relion5")
    centred = star_table((tmp_path / "p.star").read_text(), *xyz("rlnCenteredCoordinate{}Angst"))
    np.testing.assert_allclose(centred, 0, atol=1e-6)


@pytest.mark.parametrize(("name", "index"), [("relion5", 50.0), ("pytom-relion5", 49.0)])
def test_what_relion_and_pytom_mean_by_the_same_number(tmp_path, name, index):
    """By hand: N = 100, pixel 2 Å. 0 Å is index 50 for RELION 5 and 49 for pytom with metadata."""
    grid = Grid(shape=(100, 100, 100), pixel_size_angstrom=2.0)
    frame = Frame(default_grid=grid, tilt_series_pixel_angstrom=2.0)
    write_picks(Picks.of([[0.0, 0.0, 0.0]], image="a"), tmp_path / "p.star", frame, name=name)
    text = (tmp_path / "p.star").read_text()
    [[first, _, _]] = star_table(text, *xyz("rlnCenteredCoordinate{}Angst"))
    assert -first / 2.0 == pytest.approx(index)
