"""``cryopick filter`` as a job: plan, work and collect on real files."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import open_image, write_image, write_mrc
from cryopick.jobs.filter import JOB, FilterParams
from cryopick.ops.filters import Band, band_pass
from cryopick.ops.filters_chain import FilterChain, filter_in_memory
from cryopick.run.job import Worker
from foreign_mrc import write_foreign_mrc

RNG = np.random.default_rng(31)


def _run(folder, **fields):
    params = FilterParams(**fields)
    items = JOB.plan(params)
    for item in items:
        place = folder / "items" / item.id
        place.mkdir(parents=True)
        JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    return JOB.collect(folder, items, params)


@pytest.fixture
def volume(tmp_path):
    pixels = RNG.normal(2, 1, size=(16, 20, 24)).astype(np.float32)
    write_mrc(tmp_path / "TS_1.mrc", pixels, 2.5, origin_angstrom=(1.0, 2.0, 3.0))
    return pixels


@pytest.mark.parametrize("memory_gb", [4.0, 0.00008])
@pytest.mark.parametrize(
    "fields",
    [
        {"low_pass_angstrom": 10.0},
        {"high_pass_angstrom": 30.0},
        {"gaussian_angstrom": 4.0},
        {"local_normalise_angstrom": 12.0},
        {"low_pass_angstrom": 8.0, "high_pass_angstrom": 50.0, "gaussian_angstrom": 3.0,
         "local_normalise_angstrom": 15.0, "edge": 0.4},
    ],
)  # fmt: skip
def test_in_memory_and_in_slabs(volume, tmp_path, fields, memory_gb):
    outcome = _run(
        tmp_path / "out", images=[str(tmp_path / "TS_1.mrc")], memory_gb=memory_gb, **fields
    )
    image = open_image(tmp_path / "out" / outcome.files["TS_1"])
    named = dict(fields)
    low, high = named.pop("low_pass_angstrom", None), named.pop("high_pass_angstrom", None)
    edge = named.pop("edge", Band.edge)
    band = Band(low_pass_angstrom=low, high_pass_angstrom=high, edge=edge) if low or high else None
    expected = filter_in_memory(volume, 2.5, FilterChain(band=band, **named))
    assert np.abs(image.read() - expected).max() < 1e-4
    assert image.grid == open_image(tmp_path / "TS_1.mrc").grid
    assert [p.name for p in (tmp_path / "out/items/TS_1").iterdir()] == ["TS_1.mrc"]


def test_what_was_done_is_in_the_summary(volume, tmp_path):
    outcome = _run(
        tmp_path / "out", images=[str(tmp_path / "TS_1.mrc")], low_pass_angstrom=10.0,
        gaussian_angstrom=4.0, output_type="float16",
    )  # fmt: skip
    assert outcome.summary["filters"] == {"low_pass_angstrom": 10.0, "gaussian_angstrom": 4.0}
    assert outcome.sentence == "1 image filtered"
    assert outcome.plots[0].svg.startswith("<svg")
    stored = open_image(tmp_path / "out" / outcome.files["TS_1"])
    assert stored.data.dtype == np.float16


def test_the_pixel_size_given_is_the_one_that_counts(tmp_path):
    pixels = RNG.integers(0, 200, (32, 32)).astype(np.uint8)
    write_image(tmp_path / "a.png", pixels, 1.0, dtype="uint8")
    outcome = _run(
        tmp_path / "out", images=[str(tmp_path / "a.png")], pixel_size_angstrom=1.5,
        low_pass_angstrom=6.0,
    )  # fmt: skip
    image = open_image(tmp_path / "out" / outcome.files["a"])
    assert image.grid.pixel_size_angstrom == 1.5
    expected = band_pass(pixels, 1.5, Band(low_pass_angstrom=6.0))
    assert np.abs(image.read() - expected).max() < 1e-3


def test_images_of_a_stack_are_filtered_one_by_one(tmp_path):
    pixels = RNG.normal(size=(3, 12, 16)).astype(np.float32)
    write_mrc(tmp_path / "p.mrcs", pixels, 2.5, stack=True)
    outcome = _run(tmp_path / "out", images=[str(tmp_path / "p.mrcs")], low_pass_angstrom=12.0)
    assert outcome.files["p"].endswith("p.mrcs")
    stack = open_image(tmp_path / "out" / outcome.files["p"])
    for i in range(3):
        expected = band_pass(pixels[i], 2.5, Band(low_pass_angstrom=12.0))
        assert np.abs(stack.data[i] - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "nothing to do; give --low-pass"),
        ({"low_pass_angstrom": 30.0, "high_pass_angstrom": 20.0}, "must be below"),
    ],
)
def test_parameters_that_make_no_sense(volume, tmp_path, fields, text):
    with pytest.raises(InputError, match=text):
        JOB.plan(FilterParams(images=[str(tmp_path / "TS_1.mrc")], **fields))


def test_a_pixel_size_that_is_not_known_is_asked_for(tmp_path):
    write_foreign_mrc(tmp_path / "a.mrc", np.ones((8, 8)), 1.0)  # exactly 1 Å is not trusted
    with pytest.raises(InputError, match=r"a\.mrc: its pixel size is not known"):
        JOB.plan(FilterParams(images=[str(tmp_path / "a.mrc")], low_pass_angstrom=9.0))


def test_not_a_number_does_not_spoil_the_montage(tmp_path):
    pixels = np.ones((2, 8, 8), dtype=np.float32)
    pixels[1, 3, 3] = np.nan
    write_mrc(tmp_path / "a.mrc", pixels, 2.0)
    outcome = _run(tmp_path / "out", images=[str(tmp_path / "a.mrc")], gaussian_angstrom=2.0)
    assert outcome.plots[0].svg.startswith("<svg")
