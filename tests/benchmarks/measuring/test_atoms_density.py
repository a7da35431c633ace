"""Atoms of a PDB file become a density of their mass."""

import gzip

import numpy as np
import pytest

from measuring.atoms_density import density_of, read_atoms

LINE = "ATOM  {n:5d}  CA  ALA A{n:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2}"
PDB = "\n".join(
    [
        LINE.format(n=1, x=0, y=10, z=20, element="C"),
        LINE.format(n=2, x=40, y=10, z=20, element="S"),
        LINE.format(n=3, x=99, y=99, z=99, element="O").replace("ALA", "HOH"),
        "ENDMDL",
        LINE.format(n=4, x=7, y=7, z=7, element="C"),
    ]
)


@pytest.mark.parametrize("packed", [False, True])
def test_first_model_without_water(tmp_path, packed):
    path = tmp_path / ("a.pdb.gz" if packed else "a.pdb")
    path.write_bytes(gzip.compress(PDB.encode()) if packed else PDB.encode())
    positions, masses = read_atoms(path)
    np.testing.assert_array_equal(positions, [[0, 10, 20], [40, 10, 20]])
    np.testing.assert_array_equal(masses, [12.0, 32.1])


def test_no_atoms(tmp_path):
    path = tmp_path / "a.pdb"
    path.write_text("HEADER\n")
    with pytest.raises(ValueError, match="no atoms"):
        read_atoms(path)


def test_mass_and_centre_of_mass():
    rng = np.random.default_rng(0)
    positions, masses = rng.uniform(-40, 40, (50, 3)), rng.uniform(1, 30, 50)
    density = density_of(positions, masses, pixel_size_angstrom=4.0, sigma_angstrom=4.0)
    assert density.sum() == pytest.approx(masses.sum(), rel=1e-4)
    index = np.indices(density.shape).reshape(3, -1)
    centre = (index * density.ravel()).sum(axis=1) / density.sum()
    np.testing.assert_allclose(centre, len(density) // 2, atol=1e-3)


def test_x_is_the_last_axis():
    positions = np.array([[-30.0, 0, 0], [30.0, 0, 0]])
    density = density_of(positions, np.ones(2), pixel_size_angstrom=5.0, sigma_angstrom=5.0)
    middle = len(density) // 2
    np.testing.assert_array_equal(
        np.argwhere(density == density.max()),
        [[middle, middle, middle - 6], [middle, middle, middle + 6]],
    )
