"""OME-Zarr: NGFF 0.4 on zarr 2 and 0.5 on zarr 3."""

import json

import numpy as np
import pytest
import zarr

from cryopick.errors import FormatError, InputError
from cryopick.io.images import describe_image, open_image, write_image
from shared_data import shared

RNG = np.random.default_rng(10)
PIXELS = RNG.normal(size=(4, 6, 8)).astype(np.float32)


def _ngff(path, levels, *, axes="zyx", unit="angstrom", version=2, whole=None):
    """A multiscale image; ``levels`` are (array, scale, translation or None)."""
    datasets = []
    for i, (pixels, scale, shift) in enumerate(levels):
        zarr.save_array(path / str(i), pixels, zarr_format=version)
        transforms = [{"type": "scale", "scale": scale}]
        if shift is not None:
            transforms.append({"type": "translation", "translation": shift})
        datasets.append({"path": str(i), "coordinateTransformations": transforms})
    named = [{"name": n, "type": "space"} | ({"unit": unit} if unit else {}) for n in axes]
    image = {"axes": named, "datasets": datasets, "version": "0.4"}
    if whole:
        image["coordinateTransformations"] = [{"type": "scale", "scale": whole}]
    if version == 2:
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps({"multiscales": [image]}))
    else:
        attributes = {"ome": {"version": "0.5", "multiscales": [image]}}
        (path / "zarr.json").write_text(
            json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes})
        )
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_the_finest_level_is_shown(tmp_path, version):
    coarse = PIXELS[::2, ::2, ::2]
    path = _ngff(
        tmp_path / "TS_1.ome.zarr",
        [(coarse, [20.0] * 3, [5.0] * 3), (PIXELS, [10.0] * 3, None)],
        version=version,
    )
    image = open_image(path)
    assert image.name == "TS_1"
    assert np.array_equal(image.read(), PIXELS)
    assert np.array_equal(image.plane("x", 3), PIXELS[:, :, 3])
    assert image.grid.pixel_size_angstrom == 10.0
    assert (image.facts["levels"], image.facts["level"]) == (2, "1")


@pytest.mark.parametrize(
    ("unit", "size"), [("angstrom", 1.5), ("nanometer", 15.0), ("micrometer", 15000.0)]
)
def test_units_of_length(tmp_path, unit, size):
    path = _ngff(tmp_path / "a.zarr", [(PIXELS, [1.5] * 3, [0.5, 1.0, 2.0])], unit=unit)
    grid = open_image(path).grid
    assert grid.pixel_size_angstrom == pytest.approx(size)
    factor = size / 1.5
    assert grid.origin_angstrom == pytest.approx((2.0 * factor, 1.0 * factor, 0.5 * factor))


def test_units_that_are_no_lengths_or_missing(tmp_path):
    odd = open_image(_ngff(tmp_path / "a.zarr", [(PIXELS, [2.0] * 3, None)], unit="second"))
    assert odd.facts["pixel_size_known"] is False
    bare = open_image(_ngff(tmp_path / "b.zarr", [(PIXELS, [2.0] * 3, None)], unit=None))
    assert bare.grid.pixel_size_angstrom == 2.0
    assert "taken as Å" in bare.warnings[0]


def test_a_scale_of_the_whole_image_multiplies(tmp_path):
    path = _ngff(tmp_path / "a.zarr", [(PIXELS, [2.0] * 3, None)], whole=[3.0] * 3)
    assert open_image(path).grid.pixel_size_angstrom == 6.0


def test_a_voxel_that_is_no_cube_is_warned_of(tmp_path):
    path = _ngff(tmp_path / "a.zarr", [(PIXELS, [4.0, 2.0, 2.0], None)])
    image = open_image(path)
    assert "not cubic" in image.warnings[0]
    assert image.grid.pixel_size_angstrom == 2.0


def test_axes_in_another_order_are_turned(tmp_path):
    stored = PIXELS.transpose(2, 1, 0)
    image = open_image(_ngff(tmp_path / "a.zarr", [(stored, [2.0] * 3, [1, 2, 3])], axes="xyz"))
    assert np.array_equal(image.read(), PIXELS)
    assert image.grid.origin_angstrom == (1.0, 2.0, 3.0)


def test_time_and_channel_give_way(tmp_path):
    stored = np.stack([PIXELS, PIXELS + 1])[None]
    image = open_image(_ngff(tmp_path / "a.zarr", [(stored, [1, 1, 2, 2, 2], None)], axes="tczyx"))
    assert np.array_equal(image.read(), PIXELS)
    assert image.warnings == ("2 along axis c: the first is shown",)
    assert image.grid.pixel_size_angstrom == 2.0


@pytest.mark.parametrize("shape", [(5, 7), (64, 65), (3, 4, 6), (65, 66, 67)])
@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "float16"])
def test_round_trip_of_pixels_and_grid(tmp_path, shape, dtype):
    pixels = RNG.integers(0, 100, shape).astype(dtype)
    origin = (1.5, 2.5, 3.5)[: len(shape)]
    write_image(tmp_path / "a.zarr", pixels, 1.35, origin_angstrom=origin, dtype=dtype)
    image = open_image(tmp_path / "a.zarr")
    assert np.array_equal(image.data[...], pixels)
    assert (image.grid.pixel_size_angstrom, image.grid.origin_angstrom) == (1.35, origin)
    assert image.warnings == ()
    assert zarr.open_group(tmp_path / "a.zarr", mode="r").attrs["ome"]["version"] == "0.5"


def test_an_image_is_replaced_and_a_folder_is_not(tmp_path):
    write_image(tmp_path / "a.zarr", np.zeros((4, 4)), 1.5)
    write_image(tmp_path / "a.zarr", np.ones((5, 5)), 1.5)
    assert open_image(tmp_path / "a.zarr").read().sum() == 25
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="is not an OME-Zarr image; remove it first"):
        write_image(tmp_path / "b.zarr", np.zeros((4, 4)), 1.5)
    assert (tmp_path / "b.zarr" / "thesis.txt").read_text() == "mine"


def test_a_failed_write_leaves_the_old_image(tmp_path):
    write_image(tmp_path / "a.zarr", np.ones((4, 4)), 1.5)
    with pytest.raises(InputError, match="do not fit"):
        write_image(tmp_path / "a.zarr", np.full((4, 4), 1e9), 1.5, dtype="int16")
    assert open_image(tmp_path / "a.zarr").read().sum() == 16
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_a_bare_array_is_an_image(tmp_path):
    zarr.save_array(tmp_path / "a.zarr", PIXELS, zarr_format=2)
    image = open_image(tmp_path / "a.zarr", pixel_size_angstrom=4.0)
    assert np.array_equal(image.read(), PIXELS)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (".zattrs", "not json"),
        (".zattrs", '{"multiscales": [{"datasets": []}]}'),
        (".zattrs", '{"multiscales": [{"datasets": [{"path": "../../x"}]}]}'),
        (".zattrs", '{"multiscales": [{"datasets": [{"path": "nothing"}]}]}'),
        (".zattrs", '{"multiscales": 5}'),
        (".zattrs", "[]"),
        ("zarr.json", '{"attributes": {"ome": null}}'),
        (".zarray", '{"zarr_format": 2, "shape": [99999999999, 2], "chunks": "x"}'),
    ],
)
def test_damaged_metadata_is_a_format_error(tmp_path, mark, text):
    folder = tmp_path / "a.zarr"
    folder.mkdir()
    (folder / mark).write_text(text)
    with pytest.raises(FormatError, match=r"a\.zarr"):
        open_image(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shape", [10**12, 6, 8]),
        ("chunks", [10**6, 10**6, 8]),
        ("dtype", "<c8"),
        ("shape", [0, 6, 8]),
    ],
)
def test_arrays_too_large_to_be_real_are_refused(tmp_path, field, value):
    path = _ngff(tmp_path / "a.zarr", [(PIXELS, [2.0] * 3, None)])
    described = json.loads((path / "0" / ".zarray").read_text())
    described[field] = value
    (path / "0" / ".zarray").write_text(json.dumps(described))
    with pytest.raises(FormatError, match=r"a\.zarr"):
        open_image(path)


def test_damaged_chunks_are_format_errors(tmp_path):
    path = _ngff(tmp_path / "a.zarr", [(PIXELS, [2.0] * 3, None)])
    for chunk in (path / "0").glob("[0-9]*"):
        chunk.write_bytes(b"\xff" * 20)
    with pytest.raises(FormatError, match="pixels cannot be read"):
        open_image(path).read()


def test_a_folder_without_metadata_is_no_image(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(FormatError, match="folder without OME-Zarr metadata"):
        open_image(tmp_path / "a.zarr")


def test_a_genuine_tomogram():
    described = describe_image(shared("images/portal_sample_tomos/input_omezarr.zarr"))
    assert described["size_px"] == [4, 4, 4]
    assert described["pixel_size_angstrom"] == 14.08
    assert described["axes"] == ["x", "y", "z"]
