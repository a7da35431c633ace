"""Counting atoms, chains and assembly operators of PDB and mmCIF files."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import CryopickError, FormatError
from cryopick.io import atomic_model
from cryopick.io.atomic_model import describe_atoms
from shared_data import shared

ATOM = "ATOM  {serial:5d}  CA  ALA {chain}{residue:4d}      11.000  12.000  13.000  1.00 20.00\n"
CIF = """data_X
#
loop_
_entity.id
_entity.type
1 polymer
#
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.label_atom_id
_atom_site.label_asym_id
_atom_site.Cartn_x
ATOM 1 CA A 1.0
ATOM 2 "C1'" A 2.0
HETATM 3 "O5''" B 3.0
#
loop_
_atom_site_anisotrop.id
ATOM
"""


def pdb(*chains, head=""):
    return head + "".join(
        ATOM.format(serial=i + 1, chain=chain, residue=i + 1) for i, chain in enumerate(chains)
    )


def test_atoms_and_chains_of_a_pdb(tmp_path):
    path = tmp_path / "a.pdb"
    path.write_text(pdb("A", "A", "B", "A", " ") + "HETATM    6 ZN    ZN C   1\nTER\nEND\n")
    assert describe_atoms(path) == {
        "format": "PDB",
        "atoms": 6,
        "chains": 4,  # A, B, C and the one without a name
        "models": 1,
        "assembly_operators": 0,
    }


def test_models_and_operators_of_a_pdb(tmp_path):
    biomt = "".join(
        f"REMARK 350   BIOMT{row} {n:3d}  1.000000  0.000000  0.000000        0.00000\n"
        for n in (1, 2, 3)
        for row in (1, 2, 3)
    )
    path = tmp_path / "a.ent"
    path.write_text(
        biomt + "MODEL        1\n" + pdb("A") + "ENDMDL\nMODEL        2\n" + pdb("A") + "ENDMDL\n"
    )
    facts = describe_atoms(path)
    assert (facts["models"], facts["assembly_operators"], facts["atoms"]) == (2, 3, 2)


def test_words_that_only_begin_like_atoms_do_not_count(tmp_path):
    path = tmp_path / "a.pdb"
    path.write_text("REMARK ATOMS ARE GOOD\nATOMIC\nANISOU    1  CA  ALA A   1\n" + pdb("A"))
    assert describe_atoms(path)["atoms"] == 1


def test_atoms_and_chains_of_an_mmcif(tmp_path):
    for name in ("a.cif", "a.mmcif"):
        (tmp_path / name).write_text(CIF)
        assert describe_atoms(tmp_path / name) == {"format": "mmCIF", "atoms": 3, "chains": 2}


def test_an_mmcif_without_chains_still_has_atoms(tmp_path):
    path = tmp_path / "a.cif"
    path.write_text(CIF.replace("label_asym_id", "auth_seq_id"))
    assert describe_atoms(path) == {"format": "mmCIF", "atoms": 3, "chains": 1}


def test_gzipped_and_plain_are_the_same(tmp_path):
    for name, text in (("a.pdb", pdb("A", "B")), ("a.cif", CIF)):
        (tmp_path / name).write_text(text)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        assert describe_atoms(tmp_path / f"{name}.gz") == describe_atoms(tmp_path / name)


@pytest.mark.parametrize("name", ["a.pdb", "a.cif", "a.pdb.gz"])
def test_no_atoms_is_told(tmp_path, name):
    text = b"HEADER    NOTHING\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    with pytest.raises(FormatError, match=rf"{name}: no atoms found; give a PDB or mmCIF file"):
        describe_atoms(tmp_path / name)


def test_a_row_that_does_not_fit_its_table(tmp_path):
    path = tmp_path / "a.cif"
    path.write_text(CIF.replace("ATOM 1 CA A 1.0", "ATOM 1 CA A"))
    with pytest.raises(FormatError, match="an atom has 4 values, its table has 5 columns"):
        describe_atoms(path)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_cut_gzip_is_told(tmp_path, cut):
    import random

    letters = random.Random(0)
    text = pdb(*letters.choices("ABCDEFGH", k=400)).encode()
    packed = gzip.compress(text)
    path = tmp_path / "a.pdb.gz"
    path.write_bytes(packed[: int(len(packed) * cut)])
    with pytest.raises(FormatError, match="damaged gzip data"):
        describe_atoms(path)


def test_what_unpacks_too_far_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.pdb.gz"
    path.write_bytes(gzip.compress(b"REMARK\n" * 20_000))
    monkeypatch.setattr(atomic_model, "_LARGEST_BYTES", 100_000)
    with pytest.raises(FormatError, match="unpacks to more than 1 GiB"):
        describe_atoms(path)


def test_one_endless_line_costs_little(tmp_path):
    path = tmp_path / "a.cif"
    path.write_bytes(b"_atom_site.id\nATOM " + b"x" * 3_000_000)
    with pytest.raises(CryopickError, match=r"a\.cif"):
        describe_atoms(path)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(CIF) - 1), st.sampled_from(["a.pdb", "a.cif"]))
def test_damage_is_counted_or_refused(tmp_path_factory, rubbish, place, name):
    path = tmp_path_factory.mktemp("atoms") / name
    text = (CIF if name == "a.cif" else pdb(*"AABBC")).encode()
    place = min(place, len(text))
    path.write_bytes(text[:place] + rubbish + text[place:])
    try:
        facts = describe_atoms(path)
    except CryopickError as error:
        assert name in str(error)
    else:
        assert facts["atoms"] > 0
        assert 0 < facts["chains"] <= facts["atoms"]


@pytest.mark.parametrize(
    ("name", "atoms", "chains"),
    [("2BUK_STNV_capsid.pdb.gz", 1588, 1), ("1xnr_30S.cif.gz", 43833, 1)],
)
def test_genuine_structures(name, atoms, chains):
    facts = describe_atoms(shared(f"structures/atomic/{name}"))
    assert (facts["atoms"], facts["chains"]) == (atoms, chains)


@pytest.mark.parametrize("name", ['"O5\'"', "'O5'''", "O5'", "'a b'", '"a\'b"'])
def test_quoted_atom_names_are_one_value(tmp_path, name):
    head = (
        "data_x\nloop_\n_atom_site.group_PDB\n_atom_site.label_atom_id\n_atom_site.label_asym_id\n"
    )
    (tmp_path / "a.cif").write_text(f"{head}ATOM {name} A\nATOM C1 B\n#\n")
    assert describe_atoms(tmp_path / "a.cif")["chains"] == 2
