"""``cryopick template`` as a job: maps to templates with masks, several at once."""

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from cryopick.cli.main import main
from cryopick.errors import InputError
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.template import JOB, TemplateParams
from cryopick.ops.template_map import TemplateSettings, prepare_template
from cryopick.pick.matching.template import Template
from cryopick.run.job import Worker
from cryopick.simulate.maps import load_map
from foreign_mrc import write_foreign_mrc


def _run(folder, **fields):
    params = TemplateParams(**fields)
    items = JOB.plan(params)
    for item in items:
        place = folder / "items" / item.id
        place.mkdir(parents=True)
        JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    return JOB.collect(folder, items, params)


def _map(path, *, shift=0, name="ribosome", pixel=8.0):
    density = np.pad(load_map(name, pixel).density, 8)
    write_mrc(path, np.roll(density, shift, axis=2), pixel)
    return str(path)


def test_a_template_and_its_mask(tmp_path):
    given = _map(tmp_path / "ribosome.mrc")
    outcome = _run(tmp_path / "out", maps=[given], pixel_size_angstrom=16.0, contrast="dark")
    template = open_image(tmp_path / "out" / outcome.files["ribosome"])
    mask = open_image(tmp_path / "out" / outcome.files["ribosome_mask"])
    expected, facts = prepare_template(
        open_image(given).read(), 8.0, TemplateSettings(pixel_size_angstrom=16.0, contrast="dark")
    )
    assert np.array_equal(template.read(), expected)
    assert template.grid == mask.grid
    assert template.grid.pixel_size_angstrom == 16.0
    found = outcome.summary["templates"]["ribosome"]
    assert found["diameter_angstrom"] == pytest.approx(facts.diameter_angstrom)
    assert found["contrast"] == "dark"
    radius = found["mask_radius_angstrom"]
    assert 1.1 < radius / (facts.diameter_angstrom / 2) < 1.2
    assert outcome.warnings == []
    assert (tmp_path / "out" / "ribosome.mrc").is_file()
    assert "--mask" in outcome.next_command


def test_what_was_made_can_be_searched_for(tmp_path):
    given = _map(tmp_path / "ribosome.mrc")
    outcome = _run(tmp_path / "out", maps=[given], pixel_size_angstrom=16.0)
    pair = [
        open_image(tmp_path / "out" / outcome.files[name]).read()
        for name in ("ribosome", "ribosome_mask")
    ]
    diameter = outcome.summary["templates"]["ribosome"]["diameter_angstrom"]
    made = Template(
        density=pair[0], mask=pair[1], pixel_size_angstrom=16.0, name="ribosome",
        diameter_angstrom=diameter,
    )  # fmt: skip
    squared = pair[0].astype(float) ** 2
    assert (squared * pair[1]).sum() > 0.98 * squared.sum()
    rim = [pair[1].take(i, axis=axis).max() for axis in range(3) for i in (0, -1)]
    assert made.box_px % 2 == 0
    assert max(rim) == 0


def test_several_maps_at_once(tmp_path):
    maps = [_map(tmp_path / f"{name}.mrc", name=name) for name in ("ribosome", "apoferritin")]
    outcome = _run(tmp_path / "out", maps=maps, pixel_size_angstrom=10.0, box_px=48)
    assert set(outcome.files) == {
        "ribosome", "ribosome_mask", "apoferritin", "apoferritin_mask",
    }  # fmt: skip
    sizes = {n: f["diameter_angstrom"] for n, f in outcome.summary["templates"].items()}
    assert sizes["ribosome"] > 1.5 * sizes["apoferritin"]
    assert {f["box_px"] for f in outcome.summary["templates"].values()} == {48}
    assert outcome.sentence.startswith("2 templates made")
    assert len(outcome.plots) == 2


def test_the_centre_the_hand_and_the_sign(tmp_path):
    given = _map(tmp_path / "a.mrc", shift=5)
    settings = {"maps": [given], "pixel_size_angstrom": 16.0, "box_px": 36}
    plain = _run(tmp_path / "plain", **settings)
    assert any("--center" in line for line in plain.warnings)
    moved = _run(tmp_path / "moved", **settings, center=True, mirror=True, invert=True)
    assert moved.warnings == []
    values = open_image(tmp_path / "moved" / "a.mrc").read()
    assert np.allclose(center_of_mass(values.astype(float) ** 2), 18, atol=0.05)
    other = _run(tmp_path / "other", **settings, center=True)
    straight = open_image(tmp_path / "other" / other.files["a"]).read()
    assert np.allclose(values[:, :, 1:], -straight[:, :, :0:-1], atol=1e-3)


def test_a_box_that_is_too_small_is_warned_of(tmp_path):
    given = _map(tmp_path / "a.mrc")
    outcome = _run(tmp_path / "out", maps=[given], pixel_size_angstrom=16.0, box_px=16)
    assert any("touches the edge of the template's box" in line for line in outcome.warnings)
    assert any("mask has a radius" in line for line in outcome.warnings)
    assert all(line.startswith("a: ") for line in outcome.warnings)


def test_a_diameter_given_decides_box_and_mask(tmp_path):
    given = _map(tmp_path / "a.mrc")
    outcome = _run(
        tmp_path / "out", maps=[given], pixel_size_angstrom=16.0, particle_diameter_angstrom=400,
        mask_margin=0.1,
    )  # fmt: skip
    facts = outcome.summary["templates"]["a"]
    assert facts["box_px"] == 40
    assert facts["mask_radius_angstrom"] == pytest.approx(220, abs=1)


def test_a_header_that_is_not_trusted(tmp_path):
    write_foreign_mrc(tmp_path / "a.mrc", np.pad(load_map("apoferritin", 8.0).density, 8), 1.0)
    fields = {"maps": [str(tmp_path / "a.mrc")], "pixel_size_angstrom": 10.0}
    with pytest.raises(InputError, match="its pixel size is not known"):
        _run(tmp_path / "no", **fields)
    outcome = _run(tmp_path / "out", **fields, input_pixel_size_angstrom=8.0)
    assert 110 < outcome.summary["templates"]["a"]["diameter_angstrom"] < 160


def test_the_message_of_a_header_that_is_not_trusted_names_the_flag(tmp_path, capsys):
    write_foreign_mrc(tmp_path / "a.mrc", np.ones((8, 8, 8)), 1.0)
    words = ["template", "--map", str(tmp_path / "a.mrc"), "--pixel-size", "10"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 2
    assert "--input-pixel-size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "either maps"),
        ({"picks": "p.star"}, "either maps"),
        ({"pixel_size_angstrom": None}, "--pixel-size: is missing"),
        ({"pixel_size_angstrom": 4.0}, "finer than the 8 Å"),
        ({"invert": True, "contrast": "dark"}, "not both"),
        ({"tomograms": ["t.mrc"]}, "go with --picks"),
        ({"tilt_range_deg": (-60, 60)}, "go with --picks"),
    ],
)
def test_parameters_that_make_no_sense(tmp_path, fields, text):
    given = {"maps": [_map(tmp_path / "a.mrc")], "pixel_size_angstrom": 16.0}
    if not fields:
        given = {"pixel_size_angstrom": 16.0}
    with pytest.raises(InputError, match=text):
        JOB.plan(TemplateParams(**(given | fields)))


def test_two_maps_of_one_name(tmp_path):
    (tmp_path / "sub").mkdir()
    maps = [_map(tmp_path / "a.mrc"), _map(tmp_path / "sub" / "a.mrc")]
    with pytest.raises(InputError, match="another map is called a too"):
        JOB.plan(TemplateParams(maps=maps, pixel_size_angstrom=16.0))
