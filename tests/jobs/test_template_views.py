"""``template --project``: references that are projections, on a known grey scale."""

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.errors import InputError
from cryopick.geometry.euler import quaternion_from_relion
from cryopick.io.images import open_image, write_mrc
from cryopick.io.metadata.relion_classes import read_classes
from cryopick.io.star import read_star
from cryopick.jobs.template import JOB
from cryopick.jobs.template_params import TemplateParams
from cryopick.jobs.template_views import (
    check_view_options,
    references_file,
    scaled_to_noise,
    wanted_views,
)
from cryopick.ops.project import project_reference
from cryopick.run.job import Worker
from cryopick.simulate.maps import load_map


def run(folder, **fields):
    params = TemplateParams(project=True, **fields)
    items = JOB.plan(params)
    for item in items:
        place = folder / "items" / item.id
        place.mkdir(parents=True)
        JOB.work(item, params, Worker(folder=place, device="cpu", seed=1))
    return JOB.collect(folder, items, params)


@pytest.fixture
def ribosome(tmp_path):
    write_mrc(tmp_path / "ribosome.mrc", np.pad(load_map("ribosome", 10.0).density, 8), 10.0)
    return str(tmp_path / "ribosome.mrc")


def test_references_are_projections_in_the_views_that_the_table_names(ribosome, tmp_path):
    outcome = run(tmp_path / "out", maps=[ribosome], pixel_size_angstrom=16.0, views=5)
    stack = open_image(tmp_path / "out" / "references.mrcs")
    images = np.asarray(stack.data[...])
    assert outcome.sentence == "5 references made"
    assert images.shape[0] == 5
    assert stack.pixel_size_angstrom == 16.0
    (block,) = read_star(tmp_path / "out" / "references.star").blocks
    angles = np.stack([block.number(f"rlnAngle{n}") for n in ("Rot", "Tilt", "Psi")], axis=1)
    template = open_image(tmp_path / "out" / "ribosome.mrc").read()
    expected = project_reference(template, quaternion_from_relion(angles))
    for image, other in zip(images, expected, strict=True):
        assert np.corrcoef(image.ravel(), other.ravel())[0, 1] > 0.998
    # All on one scale: a view from which more density lies behind each pixel stays brighter.
    ratio = images.std(axis=(1, 2)) / expected.std(axis=(1, 2))
    assert ratio.max() / ratio.min() < 1.02


def test_the_grey_scale_is_that_of_noise_of_deviation_one(ribosome, tmp_path):
    fields = {"maps": [ribosome], "pixel_size_angstrom": 16.0, "views": 3}
    given = run(tmp_path / "a", **fields, signal_to_noise=0.1)
    facts = given.summary["templates"]["ribosome"]
    images = np.asarray(open_image(tmp_path / "a" / "references.mrcs").data[...])
    box = images.shape[-1]
    y, x = np.indices((box, box)) - box // 2
    inside = np.hypot(x, y) <= facts["diameter_angstrom"] / 16 / 2
    assert np.square(images[:, inside]).mean() == pytest.approx(0.1, rel=1e-4)
    usual = run(tmp_path / "b", **fields)
    assert usual.summary["templates"]["ribosome"]["signal_to_noise"] == 2.0  # 0.1 * 16² is more


def test_relion_reads_the_table_as_classes(ribosome, tmp_path):
    run(tmp_path / "out", maps=[ribosome], pixel_size_angstrom=16.0, views=4)
    classes = read_classes(tmp_path / "out" / "references.star")
    assert [c.image for c in classes] == [f"{i:06d}@references.mrcs" for i in range(1, 5)]
    assert sum(c.fraction for c in classes) == pytest.approx(1, abs=1e-4)


def test_symmetry_and_spacing_choose_the_number(ribosome, tmp_path):
    def views(**fields):
        return wanted_views(TemplateParams(maps=[ribosome], project=True, **fields))

    assert views() == 46
    assert views(symmetry="D2") == 12
    assert views(angular_spacing_deg=15.0) == 184
    assert views(symmetry="O", views=7) == 7
    assert wanted_views(TemplateParams(maps=[ribosome])) == 0


def test_several_maps_do_not_share_a_file(ribosome, tmp_path):
    maps = [ribosome, "apoferritin"]
    outcome = run(tmp_path / "out", maps=maps, pixel_size_angstrom=16.0, views=2, box_px=32)
    assert (tmp_path / "out" / references_file("ribosome", 2)).is_file()
    assert outcome.files["apoferritin_references"] == "apoferritin_references.mrcs"
    assert outcome.sentence == "4 references made"
    assert len(outcome.plots) == 2


def test_dark_references_are_warned_of(ribosome, tmp_path):
    fields = {"maps": [ribosome], "pixel_size_angstrom": 16.0, "views": 2}
    assert run(tmp_path / "a", **fields).warnings == []
    (warning,) = run(tmp_path / "b", **fields, contrast="dark").warnings
    assert "the references are dark" in warning


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"views": 3}, "--views goes with --project"),
        ({"symmetry": "C2"}, "--symmetry goes with --project"),
        ({"signal_to_noise": 0.1}, "--signal-to-noise goes with"),
        ({"project": True, "views": 3, "angular_spacing_deg": 20}, "either --views or"),
        ({"project": True, "symmetry": "X9"}, "not a point group"),
        ({"project": True, "symmetry": "X9", "views": 3}, "not a point group"),
        ({"project": True, "angular_spacing_deg": 1.0}, "take a larger spacing"),
    ],
)
def test_options_that_make_no_sense(fields, text):
    with pytest.raises(InputError, match=text):
        check_view_options(TemplateParams(maps=["a"], **fields))


def test_empty_views_cannot_be_scaled():
    with pytest.raises(InputError, match="no density"):
        scaled_to_noise(np.zeros((2, 8, 8), np.float32), 6, snr=0.1)


def test_from_the_command_line(ribosome, tmp_path, capsys):
    words = ["template", "--map", ribosome, "--project", "--pixel-size", "16", "--symmetry", "D2"]
    assert main([*words, "--angular-spacing", "60", "-o", str(tmp_path / "out")]) == 0
    assert "3 references made" in capsys.readouterr().out
