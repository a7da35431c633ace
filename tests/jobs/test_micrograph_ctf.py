"""The CTF of micrographs, matched by name, from every program's files."""

import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.jobs.micrograph_ctf import micrograph_ctfs
from cryopick.model import Defocus, Optics
from shared_data import shared

OPTICS = Optics(voltage_kv=200.0, cs_mm=1.4, amplitude_contrast=0.1)
COMMENTS = (
    "# Pixel size: 1.5 Angstroms ; acceleration voltage: 200.0 keV ; "
    "spherical aberration: 1.40 mm ; amplitude contrast: 0.10\n"
)


def ctffind(path, defocus_angstrom, *, comments=COMMENTS, rows=1):
    lines = [f"{i + 1} {defocus_angstrom} {defocus_angstrom} 0 0 0.1 5" for i in range(rows)]
    path.write_text(comments + "\n".join(lines) + "\n")


def star(path, *entries):
    write_micrographs(
        path,
        [
            Micrograph(path=f"m/{name}.mrc", name=name, optics=OPTICS, pixel_size_angstrom=1.5,
                       defocus=Defocus(u_um=um, v_um=um))
            for name, um in entries
        ],
    )  # fmt: skip
    return str(path)


def test_nothing_given_is_nothing_known():
    assert micrograph_ctfs(None, ["a"]) == {}


def test_of_a_star_only_what_is_asked_for_in_the_order_asked(tmp_path):
    found = micrograph_ctfs(star(tmp_path / "c.star", ("a", 1), ("b", 2), ("c", 3)), ["c", "a"])
    assert [(name, ctf.defocus.u_um) for name, ctf in found.items()] == [("c", 3.0), ("a", 1.0)]
    assert found["a"].optics == OPTICS
    assert found["a"].pixel_size_angstrom == 1.5


def test_a_missing_micrograph_is_named(tmp_path):
    path = star(tmp_path / "c.star", ("a", 1))
    with pytest.raises(InputError, match=r"c\.star has no entry of micrograph x \(and 1 more of 3"):
        micrograph_ctfs(path, ["a", "x", "y"])


def test_the_same_micrograph_twice_must_agree(tmp_path):
    path = star(tmp_path / "c.star", ("a", 1), ("a", 1))
    assert micrograph_ctfs(path, ["a"])["a"].defocus.u_um == 1
    path = star(tmp_path / "d.star", ("a", 1), ("a", 2))
    with pytest.raises(FormatError, match="micrograph a is there twice"):
        micrograph_ctfs(path, ["a"])


def test_a_star_without_defocus_says_so(tmp_path):
    write_micrographs(tmp_path / "m.star", [Micrograph(path="a.mrc", name="a", optics=OPTICS)])
    with pytest.raises(FormatError, match="micrograph a has no defocus"):
        micrograph_ctfs(str(tmp_path / "m.star"), ["a"])


def test_ctffind_files_of_a_folder(tmp_path):
    ctffind(tmp_path / "m1.txt", 10000)
    ctffind(tmp_path / "m1_avrot.txt", 99000)
    ctffind(tmp_path / "m10_ctffind4.txt", 20000)
    ctffind(tmp_path / "m1_2.txt", 30000)
    ctffind(tmp_path / "m1_2_diagnostic.txt", 99000)
    found = micrograph_ctfs(str(tmp_path), ["m1", "m10", "m1_2"])
    assert [ctf.defocus.u_um for ctf in found.values()] == [1.0, 2.0, 3.0]
    assert found["m10"].optics == OPTICS
    assert found["m10"].pixel_size_angstrom == 1.5


def test_two_files_of_one_micrograph_are_refused(tmp_path):
    ctffind(tmp_path / "m_a.txt", 10000)
    ctffind(tmp_path / "m_b.txt", 20000)
    with pytest.raises(InputError, match="may be of micrograph m"):
        micrograph_ctfs(str(tmp_path / "*.txt"), ["m"])
    assert micrograph_ctfs(str(tmp_path / "*_b.txt"), ["m"])["m"].defocus.u_um == 2


def test_one_file_for_one_micrograph_may_have_any_name(tmp_path):
    ctffind(tmp_path / "diagnostic_output.txt", 10000)
    path = str(tmp_path / "diagnostic_output.txt")
    assert micrograph_ctfs(path, ["m"])["m"].defocus.u_um == 1
    with pytest.raises(InputError, match="no entry of micrograph m"):
        micrograph_ctfs(path, ["m", "n"])


def test_a_stack_of_images_is_not_a_micrograph(tmp_path):
    ctffind(tmp_path / "m.txt", 10000, rows=2)
    with pytest.raises(FormatError, match="CTF of 2 images"):
        micrograph_ctfs(str(tmp_path / "m.txt"), ["m"])


def test_unknown_optics_are_refused_unless_given(tmp_path):
    ctffind(tmp_path / "m.txt", 10000, comments="")
    with pytest.raises(FormatError, match="tells no voltage"):
        micrograph_ctfs(str(tmp_path), ["m"])
    assert micrograph_ctfs(str(tmp_path), ["m"], optics=OPTICS)["m"].optics == OPTICS
    ctffind(tmp_path / "m.txt", 10000)
    assert micrograph_ctfs(str(tmp_path), ["m"], optics=Optics())["m"].optics == OPTICS


def test_logs_of_gctf(tmp_path):
    (tmp_path / "m_gctf.log").write_text("  25123.12  24898.43  45.12  0.123456  Final Values\n")
    found = micrograph_ctfs(str(tmp_path), ["m"], optics=OPTICS)
    assert found["m"].defocus.v_um == pytest.approx(2.489843)
    ctffind(tmp_path / "m_ctffind.txt", 10000)  # tells the optics, too
    assert micrograph_ctfs(str(tmp_path), ["m"])["m"].defocus.u_um == 1


def test_nothing_there(tmp_path):
    with pytest.raises(MissingFileError):
        micrograph_ctfs(str(tmp_path / "none.star"), ["m"])
    with pytest.raises(InputError, match="no such files in this folder"):
        micrograph_ctfs(str(tmp_path), ["m"])


def test_genuine_files():
    path = str(shared("formats/relion5_spa_project/CtfFind/job005/micrographs_ctf.star"))
    found = micrograph_ctfs(path, ["20170629_00021_frameImage"])
    (entry,) = found.values()
    assert entry.optics.voltage_kv == 200
    folder = str(shared("formats/relion5_spa_project/CtfFind/job005/Movies"))
    own = micrograph_ctfs(folder, list(found))["20170629_00021_frameImage"]
    assert own.defocus.u_um == pytest.approx(entry.defocus.u_um, abs=1e-4)
    table = str(shared("formats/topaz/EMPIAR-10025_ctf_params.star"))  # by Gctf
    name = "14sep05c_c_00003gr_00014sq_00004hl_00004es_c"
    ctf = micrograph_ctfs(table, [name])[name]
    assert ctf.defocus.u_um == pytest.approx(1.490581)
    assert ctf.optics.amplitude_contrast == 0.1
    assert ctf.pixel_size_angstrom == pytest.approx(2.5e4 / 38023)
