"""What we write, read by the field's own libraries; what they write, read by us."""

import bz2
import gzip
import json
import warnings

import emfile
import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Picture

from cryopick.io.images import describe_image, open_image, write_image, write_mrc

RNG = np.random.default_rng(21)
SHAPES = [(4, 6), (5, 7), (2, 4, 6), (3, 5, 7), (1, 5, 7)]


def some(shape, dtype):
    """Pixels that every type holds exactly."""
    return RNG.integers(0 if np.dtype(dtype).kind == "u" else -60, 60, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_mrcfile_reads_and_validates_what_we_write(tmp_path, dtype, shape):
    pixels = some(shape, dtype)
    path = tmp_path / "a.mrc"
    write_mrc(path, pixels, 1.35, dtype=dtype, labels=["made by hand"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with mrcfile.open(path) as file:
            assert file.data.dtype == np.dtype(dtype)
            assert np.array_equal(np.squeeze(file.data), np.squeeze(pixels))
            assert file.voxel_size.x == pytest.approx(1.35, rel=1e-6)
            assert file.header.dmin == pixels.min()
            assert file.header.dmax == pixels.max()
            assert file.header.dmean == pytest.approx(pixels.mean(dtype=float), rel=1e-5, abs=1e-5)
            assert file.header.rms == pytest.approx(pixels.std(dtype=float), rel=1e-4)
            assert file.get_labels()[1].strip() == "made by hand"
            assert file.is_volume() == (len(shape) == 3)
    # mrcfile checks statistics in the type of the pixels: for half floats its own sums are off.
    assert dtype == "float16" or mrcfile.validate(path)


@pytest.mark.parametrize("shape", [(3, 4, 6), (1, 5, 7), (2, 3, 5, 7)])
def test_mrcfile_sees_stacks_as_stacks(tmp_path, shape):
    pixels = some(shape, "float32")
    write_mrc(tmp_path / "a.mrcs", pixels, 2.0, stack=True)
    with mrcfile.open(tmp_path / "a.mrcs") as file:
        assert np.array_equal(np.squeeze(file.data), np.squeeze(pixels))
        assert file.is_volume_stack() == (len(shape) == 4)
        assert not file.is_volume()
        assert int(file.header.mz) == (shape[1] if len(shape) == 4 else 1)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
@pytest.mark.parametrize("suffix_inside", [".mrc", ".rec", ".mrcs", ".em", ".spi", ".stk"])
@pytest.mark.parametrize("shape", [(2, 4, 6), (3, 5, 7)])
def test_compressed_files_are_the_plain_ones(tmp_path, suffix, pack, suffix_inside, shape):
    pixels = some(shape, "float32")
    plain = tmp_path / f"a{suffix_inside}"
    write_image(plain, pixels, 1.35, stack=suffix_inside in (".mrcs", ".stk"))
    packed = tmp_path / f"a{suffix_inside}{suffix}"
    packed.write_bytes(pack(plain.read_bytes()))
    one, other = open_image(plain), open_image(packed)
    assert other.name == one.name == "a"
    assert type(one) is type(other)
    assert np.array_equal(one.data[...], other.data[...])
    assert np.array_equal(one.data[1, 2], other.data[1, 2])
    told = describe_image(packed)
    assert told.pop("compression") == suffix[1:]
    assert told == describe_image(plain)


def test_content_tells_compression_not_the_suffix(tmp_path):
    pixels = some((3, 5, 7), "float32")
    write_mrc(tmp_path / "a.mrc", pixels, 1.35)
    data = (tmp_path / "a.mrc").read_bytes()
    (tmp_path / "b.mrc").write_bytes(gzip.compress(data))  # packed, but not called so
    (tmp_path / "c.mrc.gz").write_bytes(data)  # called so, but not packed
    for name in ("b.mrc", "c.mrc.gz"):
        assert np.array_equal(open_image(tmp_path / name).read(), pixels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"],
)
@pytest.mark.parametrize("shape", [(4, 6), (3, 5, 7)])
def test_tiff_of_every_type_in_both_byte_orders(tmp_path, order, dtype, shape):
    pixels = some(shape, dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=order, photometric="minisblack")
    image = open_image(tmp_path / "a.tif", pixel_size_angstrom=2.0)
    assert np.array_equal(np.asarray(image.data[...]), pixels)
    assert image.facts["byte_order"] == ("little" if order == "<" else "big")
    if len(shape) == 3:
        assert np.array_equal(image.plane("x", 3), pixels[:, :, 3])


@pytest.mark.parametrize("compression", ["zlib", "lzma", None])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_tiff_packed_tiled_and_big(tmp_path, compression, tile, bigtiff):
    pixels = some((3, 33, 21), "uint16")
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, compression=compression, tile=tile, bigtiff=bigtiff,
        photometric="minisblack",
    )  # fmt: skip
    image = open_image(tmp_path / "a.tif", pixel_size_angstrom=2.0)
    assert image.grid.shape == pixels.shape
    assert np.array_equal(image.read(), pixels)
    assert np.array_equal(np.asarray(image.data[1, 3:5]), pixels[1, 3:5])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 6), (3, 5, 7)])
def test_tifffile_reads_what_we_write(tmp_path, dtype, shape):
    pixels = some(shape, dtype)
    write_image(tmp_path / "a.tif", pixels, 2.0, dtype=dtype)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == (1 if len(shape) == 2 else shape[0])
        assert file.series[0].axes == ("YX" if len(shape) == 2 else "ZYX")
        assert np.array_equal(file.asarray(), pixels)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 4, 6), (3, 5, 7)])
def test_emfile_and_we_agree_both_ways(tmp_path, dtype, shape):
    pixels = some(shape, dtype)
    write_image(tmp_path / "a.em", pixels, 2.0, dtype=dtype)
    header, theirs = emfile.read(str(tmp_path / "a.em"))
    assert (header["xdim"], header["ydim"], header["zdim"]) == shape[::-1]
    assert np.array_equal(theirs, pixels)
    emfile.write(str(tmp_path / "b.em"), pixels)
    assert np.array_equal(np.asarray(open_image(tmp_path / "b.em").data[...]), pixels)


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8"])
@pytest.mark.parametrize("shape", [(4, 6), (3, 5, 7)])
def test_h5py_finds_what_eman2_looks_for(tmp_path, dtype, shape):
    pixels = some(shape, dtype)
    write_image(tmp_path / "a.hdf", pixels, 1.35, dtype=dtype)
    with h5py.File(tmp_path / "a.hdf") as file:
        group = file["MDF/images/0"]
        assert np.array_equal(group["image"][()], pixels)
        assert [int(group.attrs[f"EMAN.n{a}"]) for a in "xyz"] == [*shape[::-1], 1][:3]
        assert group.attrs["EMAN.apix_x"] == 1.35
        assert file["MDF/images"].attrs["imageid_max"] == 0


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"chunks": True}])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2", ">u2", "<f8"])
def test_single_arrays_of_h5py_in_any_byte_order(tmp_path, options, dtype):
    pixels = some((3, 5, 7), dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("tomogram", data=pixels, **options)
    image = open_image(tmp_path / "a.h5", pixel_size_angstrom=2.0)
    assert np.array_equal(np.asarray(image.data[...]), pixels)
    assert np.array_equal(np.asarray(image.data[:, 4]), pixels[:, 4])


@pytest.mark.parametrize("shape", [(4, 6), (3, 5, 7), (65, 66, 67)])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_zarr_reads_what_we_write(tmp_path, shape, dtype):
    pixels = some(shape, dtype)
    write_image(tmp_path / "a.zarr", pixels, 10.0, origin_angstrom=(15.0, 5.0, 2.5)[: len(shape)],
                dtype=dtype)  # fmt: skip
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert np.array_equal(group["0"][...], pixels)
    image = dict(group.attrs)["ome"]["multiscales"][0]
    scale, translation = image["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [10.0] * len(shape)
    assert translation["translation"] == [2.5, 5.0, 15.0][-len(shape) :]  # z, y, x
    assert [a["unit"] for a in image["axes"]] == ["angstrom"] * len(shape)


@pytest.mark.parametrize("unit", [("angstrom", 1.0), ("nanometer", 10.0), ("micrometer", 1e4)])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_units_and_versions_of_ome_zarr(tmp_path, unit, version):
    pixels = some((3, 5, 7), "float32")
    path = tmp_path / "a.zarr"
    old = version == "0.4"
    zarr.save_array(str(path / "0"), pixels, zarr_format=2 if old else 3)
    scales = {
        "version": version,
        "axes": [{"name": a, "type": "space", "unit": unit[0]} for a in "zyx"],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5] * 3}]}
        ],
    }
    if old:
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps({"multiscales": [scales]}))
    else:
        attributes = {"ome": {"version": "0.5", "multiscales": [scales]}}
        meta = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        (path / "zarr.json").write_text(json.dumps(meta))
    image = open_image(path)
    assert image.grid.pixel_size_angstrom == pytest.approx(0.5 * unit[1])
    assert np.array_equal(image.read(), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (1, 1)])
def test_pillow_reads_what_we_write(tmp_path, dtype, shape):
    pixels = some(shape, dtype)
    write_image(tmp_path / "a.png", pixels, 2.0, dtype=dtype)
    with Picture.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), pixels)
    assert np.array_equal(open_image(tmp_path / "a.png").read(), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_modes_of_pillow(tmp_path, mode):
    grey = np.array([[0, 255, 0], [255, 0, 255]], dtype=np.uint8)
    suffix = "jpg" if mode == "CMYK" else ("tif" if mode == "F" else "png")
    sixteen = Picture.fromarray(grey.astype(np.uint16))
    picture = sixteen if mode == "I;16" else Picture.fromarray(grey).convert(mode)
    if mode == "F":
        picture.save(tmp_path / "a.tif")
    else:
        picture.save(tmp_path / f"a.{suffix}")
    image = open_image(tmp_path / f"a.{suffix}", pixel_size_angstrom=1.5)
    assert image.grid.shape == (2, 3)
    pixels = image.read()
    if suffix != "jpg":  # black is black and white is white, whatever the white's number
        assert np.allclose(pixels / pixels.max(), grey / 255, atol=1e-6)
    assert image.grid.pixel_size_angstrom == 1.5
