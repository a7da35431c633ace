"""``cryopick resample`` as a job: plan, work and collect on real files."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from cryopick.errors import CryopickError, InputError
from cryopick.io.images import open_image, write_image, write_mrc
from cryopick.jobs.resample import JOB, ResampleParams
from cryopick.ops.fourier import fourier_resample_numpy
from cryopick.ops.resample import mean_bin
from cryopick.run.job import Worker

RNG = np.random.default_rng(30)


def _run(folder, **fields):
    params = ResampleParams(**fields)
    items = JOB.plan(params)
    for item in items:
        place = folder / "items" / item.id
        place.mkdir(parents=True)
        JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    return JOB.collect(folder, items, params)


def _volume(path, shape=(16, 20, 24)):
    pixels = RNG.normal(size=shape).astype(np.float32)
    write_mrc(path, pixels, 2.5, origin_angstrom=(1.0, 2.0, 3.0))
    return pixels


@pytest.mark.parametrize("memory_gb", [4.0, 0.00008])
def test_mean_bin_in_memory_and_in_slabs(tmp_path, memory_gb):
    pixels = _volume(tmp_path / "TS_1.mrc")
    outcome = _run(
        tmp_path / "out", images=[str(tmp_path / "TS_1.mrc")], method="mean", factor=2,
        memory_gb=memory_gb,
    )  # fmt: skip
    image = open_image(tmp_path / "out" / outcome.files["TS_1"])
    assert np.array_equal(image.read(), mean_bin(pixels, 2))
    assert image.grid.pixel_size_angstrom == 5.0
    assert image.grid.origin_angstrom == (2.25, 3.25, 4.25)
    assert image.name == "TS_1"


@pytest.mark.parametrize("memory_gb", [4.0, 0.00008])
@pytest.mark.parametrize("target", [5.0, 4.0, 3.3])
def test_fourier_to_a_pixel_size_in_memory_and_in_slabs(tmp_path, memory_gb, target):
    pixels = _volume(tmp_path / "TS_1.mrc")
    outcome = _run(
        tmp_path / "out", images=[str(tmp_path / "TS_1.mrc")], memory_gb=memory_gb,
        target_pixel_size_angstrom=target,
    )  # fmt: skip
    image = open_image(tmp_path / "out" / outcome.files["TS_1"])
    assert np.abs(image.read() - fourier_resample_numpy(pixels, target / 2.5)).max() < 1e-5
    assert image.grid.pixel_size_angstrom == pytest.approx(target, rel=1e-6)
    assert image.grid.origin_angstrom == (1.0, 2.0, 3.0)


def test_many_images_of_many_formats(tmp_path):
    write_image(tmp_path / "a.tif", np.ones((10, 12)), 1.0, dtype="uint16")
    write_image(tmp_path / "b.png", np.ones((11, 13)), 1.0, dtype="uint8")
    write_mrc(tmp_path / "007.mrc", np.ones((8, 8)), 2.0)
    outcome = _run(
        tmp_path / "out", images=[str(tmp_path / "*.*")], factor=2, pixel_size_angstrom=1.5,
        output_type="float16",
    )  # fmt: skip
    assert set(outcome.files) == {"a", "b", "007"}
    assert outcome.summary["images"] == 3
    assert outcome.sentence == "3 images resampled"
    for name in outcome.files.values():
        image = open_image(tmp_path / "out" / name)
        assert image.data.dtype == np.float16
        assert image.read() == pytest.approx(1.0)
        assert image.grid.pixel_size_angstrom == 3.0
    sizes = {entry["name"]: entry["size_px"] for entry in outcome.summary["outputs"]}
    assert sizes == {"a": [6, 5], "b": [6, 5], "007": [4, 4]}


@pytest.mark.parametrize("method", ["mean", "fourier"])
def test_images_of_a_stack_are_resampled_one_by_one(tmp_path, method):
    pixels = RNG.normal(size=(3, 12, 16)).astype(np.float32)
    write_mrc(tmp_path / "p.mrcs", pixels, 2.5, stack=True)
    outcome = _run(tmp_path / "out", images=[str(tmp_path / "p.mrcs")], method=method, factor=2)
    stack = open_image(tmp_path / "out" / outcome.files["p"])
    assert stack.facts["kind"] == "stack"
    assert stack.pixel_size_angstrom == 5.0
    for i in range(3):
        expected = (
            mean_bin(pixels[i], 2) if method == "mean" else fourier_resample_numpy(pixels[i], 2)
        )
        assert np.abs(stack.data[i] - expected).max() < 1e-5


def test_the_report_shows_before_and_after(tmp_path):
    _volume(tmp_path / "TS_1.mrc")
    outcome = _run(tmp_path / "out", images=[str(tmp_path / "TS_1.mrc")], factor=2)
    (plot,) = outcome.plots
    assert plot.svg.startswith("<svg")
    assert "TS_1" in plot.title
    assert outcome.next_command.startswith("cryopick filter ")


def test_nothing_else_is_left_in_the_item(tmp_path):
    _volume(tmp_path / "TS_1.mrc")
    _run(tmp_path / "out", images=[str(tmp_path / "TS_1.mrc")], factor=2, memory_gb=0.00008)
    assert [p.name for p in (tmp_path / "out/items/TS_1").iterdir()] == ["TS_1.mrc"]


def test_plans_read_headers_and_say_what_it_costs(tmp_path):
    _volume(tmp_path / "TS_1.mrc")
    (item,) = JOB.plan(ResampleParams(images=[str(tmp_path / "TS_1.mrc")], factor=2))
    assert item.id == "TS_1"
    assert item.cost.memory_bytes >= 16 * 20 * 24 * 4
    assert item.cost.seconds > 0
    limited = ResampleParams(images=[str(tmp_path / "TS_1.mrc")], factor=2, memory_gb=1e-5)
    assert JOB.plan(limited)[0].cost.memory_bytes == 10_000


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "either --factor or --target-pixel-size"),
        ({"factor": 2, "target_pixel_size_angstrom": 4}, "either --factor or"),
        ({"factor": 1.5, "method": "mean"}, "must be a whole number"),
    ],
)
def test_parameters_that_make_no_sense(tmp_path, fields, text):
    _volume(tmp_path / "TS_1.mrc")
    with pytest.raises(InputError, match=text):
        JOB.plan(ResampleParams(images=[str(tmp_path / "TS_1.mrc")], **fields))


@pytest.mark.parametrize("fields", [{"factor": 0}, {"method": "spline"}, {"output_type": "int8"}])
def test_parameters_out_of_bounds(fields):
    with pytest.raises(ValidationError):
        ResampleParams(images=["a.mrc"], **{"factor": 2, **fields})


def test_a_pixel_size_is_needed_only_to_reach_another(tmp_path):
    write_image(tmp_path / "a.png", np.ones((8, 8)), 1.0, dtype="uint8")
    inputs = [str(tmp_path / "a.png")]
    with pytest.raises(InputError, match=r"a\.png: its pixel size is not known; give --pixel-size"):
        JOB.plan(ResampleParams(images=inputs, target_pixel_size_angstrom=4.0))
    with pytest.warns(UserWarning, match="no usable pixel size"):
        outcome = _run(tmp_path / "out", images=inputs, factor=2)
    assert outcome.summary["outputs"][0]["size_px"] == [4, 4]


def test_values_that_do_not_fit_float16_are_named(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.full((4, 8, 8), 1e6), 2.0)
    for memory_gb in (4.0, 0.000005):
        with pytest.raises(CryopickError, match="fit float16"):
            _run(
                Path(tmp_path / f"out{memory_gb}"), images=[str(tmp_path / "a.mrc")], factor=2,
                output_type="float16", memory_gb=memory_gb,
            )  # fmt: skip
