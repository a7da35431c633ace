"""References of every kind that a user may give."""

import os

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star
from cryopick.jobs.pick_references import (
    cached_references,
    gaussian_references,
    load_references,
)
from foreign_mrc import write_foreign_mrc
from toy_merit import references


@pytest.fixture
def stack(tmp_path):
    write_mrc(tmp_path / "refs.mrcs", references(), 4.5, stack=True)
    return tmp_path / "refs.mrcs"


def model(path, images, **columns):
    names = {"rlnReferenceImage": images, "rlnClassDistribution": np.full(len(images), 0.5)}
    write_star(path, [star_block("model_classes", names | columns)])
    return str(path)


def test_a_stack(stack):
    found = load_references(str(stack), None, angstrom_per_px=1.0)
    np.testing.assert_array_equal(found.references.images, references())
    assert found.references.pixel_size_angstrom == 4.5
    assert found.names == ("1", "2")
    assert found.warnings == ()


def test_a_single_image(tmp_path):
    write_mrc(tmp_path / "one.mrc", references()[0], 4.5)
    assert (
        len(load_references(str(tmp_path / "one.mrc"), None, angstrom_per_px=1.0).references) == 1
    )


def test_the_pixel_size_given_counts(stack):
    found = load_references(str(stack), 3.0, angstrom_per_px=1.0)
    assert found.references.pixel_size_angstrom == 3.0


def test_an_unknown_pixel_size_is_that_of_the_micrographs_with_a_warning(tmp_path):
    write_foreign_mrc(tmp_path / "a.mrcs", references(), 0.0)
    found = load_references(str(tmp_path / "a.mrcs"), None, angstrom_per_px=1.7)
    assert found.references.pixel_size_angstrom == 1.7
    assert "--pixel-size-references" in found.warnings[0]


def test_flat_references_are_left_out_and_the_others_keep_their_numbers(tmp_path):
    images = np.concatenate([references()[:1], np.zeros((1, 36, 36), "f4"), references()[1:]])
    write_mrc(tmp_path / "a.mrcs", images, 4.5, stack=True)
    found = load_references(str(tmp_path / "a.mrcs"), None, angstrom_per_px=1.0)
    assert found.names == ("1", "3")
    assert "references 2 are flat" in found.warnings[0]
    write_mrc(tmp_path / "b.mrcs", images[1:2], 4.5, stack=True)
    with pytest.raises(InputError, match="all references are flat"):
        load_references(str(tmp_path / "b.mrcs"), None, angstrom_per_px=1.0)


def test_classes_of_relion(stack, tmp_path):
    path = model(tmp_path / "run_model.star", ["000002@refs.mrcs", "000001@refs.mrcs"])
    found = load_references(path, None, angstrom_per_px=1.0)
    np.testing.assert_array_equal(found.references.images, references()[::-1])
    assert found.names == ("2", "1")
    assert found.references.pixel_size_angstrom == 4.5


def test_the_pixel_size_of_a_model(stack, tmp_path):
    general = star_block("model_general", {"rlnPixelSize": [3.54]}, loop=False)
    classes = star_block(
        "model_classes",
        {"rlnReferenceImage": ["000001@refs.mrcs"], "rlnClassDistribution": np.ones(1)},
    )
    write_star(tmp_path / "m.star", [general, classes])
    found = load_references(str(tmp_path / "m.star"), None, angstrom_per_px=1.0)
    assert found.references.pixel_size_angstrom == 3.54


def test_only_selected_classes(stack, tmp_path):
    images = ["000001@refs.mrcs", "000002@refs.mrcs"]
    path = model(tmp_path / "a.star", images, rlnSelected=np.array([0, 1]))
    assert load_references(path, None, angstrom_per_px=1.0).names == ("2",)
    path = model(tmp_path / "b.star", images, rlnSelected=np.array([0, 0]))
    with pytest.raises(FormatError, match="no class is selected"):
        load_references(path, None, angstrom_per_px=1.0)


def test_an_image_that_is_not_in_the_stack(stack, tmp_path):
    path = model(tmp_path / "a.star", ["000009@refs.mrcs"])
    with pytest.raises(FormatError, match=r"image 000009 of .*refs\.mrcs, which has 2"):
        load_references(path, None, angstrom_per_px=1.0)


def test_a_volume_is_told_what_to_do(tmp_path):
    write_mrc(tmp_path / "map.mrc", np.random.default_rng(0).random((12, 12, 12)), 4.0)
    with pytest.raises(InputError, match=r"cryopick template --map .* --project"):
        load_references(str(tmp_path / "map.mrc"), None, angstrom_per_px=1.0)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingFileError, match="or gauss"):
        load_references(str(tmp_path / "none.mrcs"), None, angstrom_per_px=1.0)


def test_a_gaussian():
    blob = gaussian_references(100.0, 5.0, peak=0.2)
    assert blob.references.images.max() == pytest.approx(0.2)
    assert blob.references.round
    assert blob.references.pixel_size_angstrom == 5.0
    with pytest.raises(InputError, match="--particle-diameter: is missing"):
        gaussian_references(None, 5.0, peak=0.1)


def test_loaded_once(stack):
    first = cached_references(str(stack), None, None, 0.1, angstrom_per_px=1.0)
    assert cached_references(str(stack), None, None, 0.1, angstrom_per_px=1.0) is first
    write_mrc(stack, references()[:1], 4.5, stack=True)
    os.utime(stack, ns=(1, 1))
    again = cached_references(str(stack), None, None, 0.1, angstrom_per_px=1.0)
    assert len(again.references) == 1
    blob = cached_references("gauss", None, 90.0, 0.3, angstrom_per_px=2.0)
    assert blob.references.pixel_size_angstrom == 2.0
