"""RELION's metadata in every version: the same facts from each, and back into each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import CryopickError, FormatError, InputError
from cryopick.io.metadata.relion_classes import read_classes
from cryopick.io.metadata.relion_micrographs import (
    Micrograph,
    read_micrographs,
    write_micrographs,
)
from cryopick.io.metadata.relion_optics import OpticsGroup, optics_table, read_optics
from cryopick.io.metadata.relion_optimisation_set import (
    OptimisationSet,
    read_optimisation_set,
    write_optimisation_set,
)
from cryopick.io.metadata.relion_tilt_series import read_tilt_series, write_tilt_series
from cryopick.io.metadata.relion_tomograms import (
    TomogramEntry,
    read_tomograms,
    write_tomograms,
    write_tomograms_relion4,
)
from cryopick.io.star import parse_star, read_star
from cryopick.io.star_write import write_star
from cryopick.model import Defocus, Optics, TiltSeries

OPTICS = Optics(voltage_kv=200.0, cs_mm=1.4, amplitude_contrast=0.1, group="g")
DEFOCUS = Defocus(u_um=1.5, v_um=1.25, astigmatism_angle_deg=30.0, phase_shift_deg=90.0)


def table(name, columns, *rows):
    head = "".join(f"_{column} #{i + 1}\n" for i, column in enumerate(columns))
    return f"\ndata_{name}\n\nloop_\n{head}" + "".join(f"{row}\n" for row in rows)


def put(path, text):
    path.write_text(text)
    return path


CTF = ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnPhaseShift")
INLINE = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
MICROGRAPHS = {
    # 5 µm at magnification 25,000 is 2 Å.
    "3.0": table("", ("rlnMicrographName", *CTF, *INLINE, "rlnDetectorPixelSize",
                      "rlnMagnification"),
                 "m/007.mrc 15000 12500 30 90 200 1.4 0.1 5 25000"),
    "3.1": table("optics", ("rlnOpticsGroupName", "rlnOpticsGroup", "rlnMicrographPixelSize",
                            *INLINE), "g 1 2.0 200 1.4 0.1")
    + table("micrographs", ("rlnMicrographName", "rlnOpticsGroup", *CTF),
            "m/007.mrc 1 15000 12500 30 90"),
    "3.1, movies not binned": table("optics", ("rlnOpticsGroupName", "rlnOpticsGroup",
                                               "rlnMicrographOriginalPixelSize",
                                               "rlnMicrographPixelSize", *INLINE),
                                    "other 1 9 9 300 2.7 0.1", "g 2 1.0 2.0 200 1.4 0.1")
    + table("micrographs", ("rlnMicrographName", "rlnOpticsGroup", *CTF),
            "m/007.mrc 2 15000 12500 30 90"),
    "defocus in µm": table("", ("rlnMicrographName", *CTF, *INLINE, "rlnDetectorPixelSize",
                                "rlnMagnification"),
                           "m/007.mrc 1.5 1.25 30 90 200 1.4 0.1 5 25000"),
}  # fmt: skip


@pytest.mark.parametrize("version", MICROGRAPHS)
def test_one_micrograph_in_every_version(tmp_path, version):
    [found] = read_micrographs(put(tmp_path / "m.star", MICROGRAPHS[version]))
    assert (found.path, found.name) == ("m/007.mrc", "007")
    assert found.defocus == DEFOCUS
    assert found.pixel_size_angstrom == pytest.approx(2.0)
    assert found.optics is not None
    assert (found.optics.voltage_kv, found.optics.cs_mm) == (200, 1.4)
    assert found.optics.amplitude_contrast == 0.1


optics = st.builds(
    Optics,
    voltage_kv=st.sampled_from([100.0, 200.0, 300.0]),
    cs_mm=st.sampled_from([0.001, 1.4, 2.7]),
    amplitude_contrast=st.sampled_from([0.07, 0.1]),
    group=st.sampled_from(["opticsGroup1", "a b", "007", ""]),
)
defocus = st.builds(
    Defocus,
    u_um=st.floats(0.05, 10),
    v_um=st.floats(0.05, 10),
    astigmatism_angle_deg=st.floats(-90, 90),
    phase_shift_deg=st.sampled_from([0.0, 45.5]),
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab 0_.'é", min_size=1, max_size=6), optics, defocus,
                       st.sampled_from([0.5, 1.35])), min_size=1, max_size=6),
    st.booleans(),
)  # fmt: skip
def test_any_micrographs_come_back_in_their_optics_groups(tmp_path_factory, rows, with_ctf):
    path = tmp_path_factory.getbasetemp() / "micrographs.star"
    given_ones = tuple(
        Micrograph(path=f"M/{name}.mrc", name=name, optics=o, pixel_size_angstrom=size,
                   defocus=d if with_ctf else None)
        for name, o, d, size in rows
    )  # fmt: skip
    write_micrographs(path, given_ones)
    back = read_micrographs(path)
    assert [m.path for m in back] == [m.path for m in given_ones]
    for old, new in zip(given_ones, back, strict=True):
        assert (new.optics, new.pixel_size_angstrom) == (old.optics, old.pixel_size_angstrom)
        if with_ctf:
            assert new.defocus is not None
            assert old.defocus is not None
            for name in ("u_um", "v_um", "astigmatism_angle_deg", "phase_shift_deg"):
                assert getattr(new.defocus, name) == pytest.approx(
                    getattr(old.defocus, name), abs=1e-6
                )
        else:
            assert new.defocus is None
    n_groups = len({(o, size) for _, o, _, size in rows})
    assert len(read_star(path).block("optics")) == n_groups


@pytest.mark.parametrize(
    ("bare", "message"),
    [
        (
            Micrograph(path="b.mrc", name="b", pixel_size_angstrom=2.0),
            "micrograph b has no defocus",
        ),
        (Micrograph(path="b.mrc", name="b", defocus=DEFOCUS), "some micrographs lack a pixel size"),
    ],
)
def test_micrographs_that_differ_in_what_is_known(tmp_path, bare, message):
    whole = Micrograph(path="a.mrc", name="a", defocus=DEFOCUS, pixel_size_angstrom=2.0)
    with pytest.raises(InputError, match=message):
        write_micrographs(tmp_path / "m.star", [whole, bare])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_defocus_that_was_not_found_is_none(tmp_path, value):
    text = MICROGRAPHS["3.1"].replace("15000", value)
    [found] = read_micrographs(put(tmp_path / "m.star", text))
    assert found.defocus is None
    assert found.pixel_size_angstrom == 2.0


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("200", "0", "expected a voltage"), ("0.1", "7", "amplitude contrast"), ("200", "x", "not a")],
)
def test_optics_that_cannot_be(tmp_path, column, value, message):
    path = put(tmp_path / "m.star", MICROGRAPHS["3.1"].replace(f" {column}", f" {value}", 1))
    with pytest.raises(FormatError, match=rf"m\.star: .*{message}"):
        read_micrographs(path)


@given(st.lists(st.tuples(optics, st.floats(0.1, 20)), min_size=1, max_size=4))
def test_optics_groups_are_found_by_their_number(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "optics.star"
    groups = [
        OpticsGroup(number=str(7 * (len(rows) - i)), optics=o, pixel_size_angstrom=round(size, 3))
        for i, (o, size) in enumerate(rows)
    ]
    write_star(path, [optics_table(groups)])
    found = read_optics(read_star(path))
    assert list(found) == [g.number for g in groups]
    assert list(found.values()) == groups


@pytest.mark.parametrize(
    ("columns", "row", "expected"),
    [
        (("rlnMicrographPixelSize", "rlnImagePixelSize"), "2 4", 2.0),
        (("rlnMicrographOriginalPixelSize", "rlnImagePixelSize"), "1 4", 1.0),
        (("rlnTomoTiltSeriesPixelSize",), "1.35", 1.35),
        (("rlnImagePixelSize",), "4", 4.0),
        (("rlnMicrographPixelSize",), "0", None),
        (("rlnMicrographPixelSize",), "nan", None),
    ],
)
def test_which_pixel_size_of_an_optics_group_counts(columns, row, expected):
    groups = read_optics(parse_star(table("optics", columns, row)))
    assert groups["1"].pixel_size_angstrom == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2**31))
def test_any_tilt_series_comes_back(tmp_path_factory, n, ctf, shifts, exposure, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path_factory.getbasetemp() / "tilts.star"
    series = TiltSeries(
        name="1e5",
        tilt_deg=rng.uniform(-70, 70, n),
        axis_angle_deg=rng.uniform(-180, 180, n),
        exposure_e_per_a2=rng.uniform(0, 140, n) if exposure else None,
        defocus_u_um=rng.uniform(0.5, 9, n) if ctf else None,
        defocus_v_um=rng.uniform(0.5, 9, n) if ctf else None,
        astigmatism_angle_deg=rng.uniform(-90, 90, n) if ctf else None,
        shift_x_angstrom=rng.uniform(-200, 200, n) if shifts else None,
        shift_y_angstrom=rng.uniform(-200, 200, n) if shifts else None,
    )
    write_tilt_series(path, series)
    back = read_tilt_series(path)
    assert (back.name, len(back)) == ("1e5", n)
    for name in ("tilt_deg", "axis_angle_deg", "exposure_e_per_a2", "defocus_u_um",
                 "defocus_v_um", "astigmatism_angle_deg"):  # fmt: skip
        old, new = getattr(series, name), getattr(back, name)
        assert (old is None) == (new is None)
        if old is not None:
            np.testing.assert_allclose(new, old, atol=1e-6)
    expected = series.shift_x_angstrom if shifts else np.zeros(n)
    np.testing.assert_allclose(back.shift_x_angstrom, expected, atol=1e-6)


def entry(name, **changes):
    values = {
        "name": name, "tilt_series_file": f"t/{name}.star", "tilt_series_pixel_angstrom": 1.35,
        "size_px": (400, 301, 200), "handedness": -1, "optics": OPTICS,
    } | changes  # fmt: skip
    return TomogramEntry(**values)


def test_tomograms_from_relion_5_to_4_and_back(tmp_path):
    rng = np.random.default_rng(8)
    series = {
        name: TiltSeries(name=name, tilt_deg=np.linspace(-60, 60, 5),
                         axis_angle_deg=np.full(5, 84.7), exposure_e_per_a2=rng.uniform(0, 99, 5),
                         defocus_u_um=np.full(5, 3.0), defocus_v_um=np.full(5, 2.5))
        for name in ("007", "1e5")
    }  # fmt: skip
    old, new = tmp_path / "r4.star", tmp_path / "r5.star"
    write_tomograms_relion4(old, [entry("007"), entry("1e5")], series, image_size_px=(500, 400))
    found = read_tomograms(old)
    (tmp_path / "t").mkdir()
    for each in found:
        write_tilt_series(
            tmp_path / "t" / f"{each.name}.star", read_tilt_series(old, name=each.name)
        )
    write_tomograms(new, [entry(each.name, size_px=each.size_px) for each in found])
    again = read_tomograms(new)
    assert [t.name for t in again] == ["007", "1e5"]
    for each in again:
        assert (each.size_px, each.handedness, each.optics) == ((400, 301, 200), -1, OPTICS)
        back = read_tilt_series(tmp_path / each.tilt_series_file)
        np.testing.assert_allclose(back.tilt_deg, np.linspace(-60, 60, 5), atol=1e-5)
        np.testing.assert_allclose(back.axis_angle_deg, 84.7, atol=1e-5)
        np.testing.assert_allclose(back.exposure_e_per_a2, series[each.name].exposure_e_per_a2,
                                   atol=1e-6)  # fmt: skip


@pytest.mark.parametrize("tilt", [-60.0, 0.0, 33.3, 60.0])
@pytest.mark.parametrize("axis", [-95.0, 0.0, 84.7, 180.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (27.0, -13.5)])
def test_projections_by_hand(tmp_path, tilt, axis, shift):
    """A point off the centre lands where the rotation written out by hand puts it."""
    series = TiltSeries(
        name="007", tilt_deg=np.array([tilt]), axis_angle_deg=np.array([axis]),
        shift_x_angstrom=np.array([shift[0]]), shift_y_angstrom=np.array([shift[1]]),
    )  # fmt: skip
    path = tmp_path / "t.star"
    write_tomograms_relion4(path, [entry("007")], {"007": series}, image_size_px=(500, 400))
    block = read_star(path).block("007")
    rows = [
        [float(v) for v in block.columns[f"rlnTomoProj{a}"][0].strip("[]").split(",")] for a in "XY"
    ]
    dx, dy, dz = 10.0, -20.0, 30.0  # from the centre (200, 150.5, 100)
    x, y = np.array(rows) @ [210.0, 130.5, 130.0, 1.0]
    t, a = np.radians(tilt), np.radians(axis)
    along, across = dx * np.cos(t) + dz * np.sin(t), dy
    assert x == pytest.approx(250 + along * np.cos(a) - across * np.sin(a) + shift[0] / 1.35,
                              abs=1e-5)  # fmt: skip
    assert y == pytest.approx(200 + along * np.sin(a) + across * np.cos(a) + shift[1] / 1.35,
                              abs=1e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"size_px": None}, "some tomograms have no size"), ({"tilt_series_file": ""}, "RELION 5")],
)
def test_tomograms_of_which_one_is_not_whole(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        write_tomograms(tmp_path / "t.star", [entry("a"), entry("b", **changes)])


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("none", ["None", '""'])
def test_optimisation_sets_as_table_and_as_list(tmp_path, loop, none):
    names = ("rlnTomoParticlesFile", "rlnTomoTomogramsFile", "rlnTomoTrajectoriesFile")
    values = ("Extract/job 1/p.star", "T/t.star", none)
    if loop:
        text = table("", names, f'"{values[0]}" {values[1]} {values[2]}')
    else:
        text = "data_\n\n" + "".join(f'_{n} {f"{chr(34)}{v}{chr(34)}" if " " in v else v}\n'
                                     for n, v in zip(names, values, strict=True))  # fmt: skip
    found = read_optimisation_set(put(tmp_path / "o.star", text))
    assert found == OptimisationSet(particles="Extract/job 1/p.star", tomograms="T/t.star")
    write_optimisation_set(tmp_path / "p.star", found)
    assert read_optimisation_set(tmp_path / "p.star") == found
    assert not read_star(tmp_path / "p.star").blocks[0].loop


def classes_text(n, *, block="model_classes", order=False):
    columns = ["rlnReferenceImage", "rlnClassDistribution", "rlnEstimatedResolution"]
    rows = [[f"{i + 1:06d}@c.mrcs", f"{1 / n:.6f}", f"{5 + i}.5"] for i in range(n)]
    if order:
        columns, rows = columns[::-1], [row[::-1] for row in rows]
    return table(block, columns, *(" ".join(row) for row in rows))


@pytest.mark.parametrize("n", [1, 2, 50])
@pytest.mark.parametrize("block", ["model_classes", "", "something"])
@pytest.mark.parametrize("order", [False, True])
def test_class_models_of_any_block_and_order(tmp_path, n, block, order):
    found = read_classes(put(tmp_path / "m.star", classes_text(n, block=block, order=order)))
    assert [c.number for c in found] == list(range(1, n + 1))
    assert sum(c.fraction for c in found) == pytest.approx(1, abs=1e-4)
    assert found[-1].image == f"{n:06d}@c.mrcs"
    assert found[-1].resolution_angstrom == n + 4.5
    assert found[0].rotation_accuracy_deg is None


def test_maps_of_3d_classes_have_no_number_in_their_name(tmp_path):
    text = table(
        "model_classes",
        (
            "rlnReferenceImage",
            "rlnClassDistribution",
            "rlnAccuracyRotations",
            "rlnEstimatedResolution",
        ),
        "run_it025_class001.mrc 0.4 999.0 0",
        "run_it025_class002.mrc 0.6 2.5 -1",
    )
    one, two = read_classes(put(tmp_path / "m.star", text))
    assert (one.image, one.fraction, one.rotation_accuracy_deg) == (
        "run_it025_class001.mrc", 0.4, None)  # fmt: skip
    assert (two.rotation_accuracy_deg, two.resolution_angstrom) == (2.5, None)


READERS = (read_micrographs, read_tomograms, read_tilt_series, read_optimisation_set, read_classes)
SOUND = "".join(MICROGRAPHS["3.1"]) + classes_text(2)


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(SOUND)), st.binary(max_size=20), st.integers(0, 60))
def test_damage_is_named_or_read(tmp_path_factory, reader, place, noise, cut):
    path = tmp_path_factory.getbasetemp() / "damaged.star"
    data = SOUND.encode()
    path.write_bytes(data[:place] + noise + data[place + cut :])
    line = "damaged.star: read"
    try:
        reader(path)
    except CryopickError as error:
        line = str(error)
    assert "damaged.star: " in line
    assert "\n" not in line
