import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.metadata.relion_classes import ClassEntry
from cryopick.io.metadata.relion_model_write import write_class_averages
from cryopick.jobs.class_images import read_class_images

STACK = np.random.default_rng(0).normal(size=(4, 8, 8)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    write_mrc(tmp_path / "c.mrcs", STACK, 3.0, stack=True)
    return tmp_path


def star(folder, *pairs, name="a.star"):
    entries = [ClassEntry(number=n, image=image, fraction=0.1) for n, image in pairs]
    write_class_averages(folder / name, entries)
    return str(folder / name)


def test_a_stack_is_its_classes_in_order(folder):
    images, size = read_class_images(str(folder / "c.mrcs"), None)
    np.testing.assert_array_equal(images, STACK)
    assert size == 3.0
    assert read_class_images(str(folder / "c.mrcs"), 2.0)[1] == 2.0


def test_a_star_file_says_which_image_is_which_class(folder):
    path = star(folder, (2, "000004@c.mrcs"), (1, "000002@c.mrcs"))
    images, size = read_class_images(path, None)
    np.testing.assert_array_equal(images, STACK[[1, 3]])
    assert size == 3.0


def test_classes_that_were_left_out_are_empty(folder):
    images, _ = read_class_images(star(folder, (3, "1@c.mrcs")), None)
    assert images.shape == (3, 8, 8)
    assert (images[:2] == 0).all()
    np.testing.assert_array_equal(images[2], STACK[0])


def test_single_images_are_classes_too(folder):
    for i in range(2):
        write_mrc(folder / f"one{i}.mrc", STACK[i], 3.0)
    images, _ = read_class_images(star(folder, (1, "one0.mrc"), (2, "one1.mrc")), None)
    np.testing.assert_array_equal(images, STACK[:2])
    alone, _ = read_class_images(str(folder / "one1.mrc"), None)
    np.testing.assert_array_equal(alone, STACK[1:2])


def test_what_is_missing_is_named(folder):
    with pytest.raises(MissingFileError, match=r"none\.star"):
        read_class_images(str(folder / "none.star"), None)
    with pytest.raises(MissingFileError, match=r"d\.mrcs.*listed in"):
        read_class_images(star(folder, (1, "1@d.mrcs")), None)
    with pytest.raises(FormatError, match=r"000009@c\.mrcs, but the stack holds 4"):
        read_class_images(star(folder, (1, "000009@c.mrcs")), None)


def test_averages_of_two_sizes_are_refused(folder):
    write_mrc(folder / "small.mrcs", STACK[:, :6, :6], 3.0, stack=True)
    with pytest.raises(FormatError, match="differ in size"):
        read_class_images(star(folder, (1, "1@c.mrcs"), (2, "1@small.mrcs")), None)
    write_mrc(folder / "oblong.mrcs", STACK[:, :6], 3.0, stack=True)
    with pytest.raises(FormatError, match="not square"):
        read_class_images(str(folder / "oblong.mrcs"), None)


def test_a_pixel_size_that_nobody_knows_is_refused(folder):
    write_mrc(folder / "unknown.mrcs", STACK, 3.0, stack=True)
    raw = bytearray((folder / "unknown.mrcs").read_bytes())
    raw[40:52] = bytes(12)  # cell dimensions
    raw[224:1024] = bytes(800)  # labels
    (folder / "unknown.mrcs").write_bytes(raw)
    with pytest.raises(InputError, match="pixel size is not known; give --pixel-size-references"):
        read_class_images(str(folder / "unknown.mrcs"), None)
    assert read_class_images(str(folder / "unknown.mrcs"), 4.0)[1] == 4.0
