import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.metadata.relion_classes import ClassEntry, read_classes
from cryopick.io.metadata.relion_model_write import (
    UNKNOWN,
    ClassModel,
    noise_power_of_white,
    write_class_averages,
    write_model,
)
from cryopick.io.star import read_star

BOX, RINGS = 8, 5
ENTRIES = (
    ClassEntry(number=1, image="000001@c/class_averages.mrcs", fraction=0.75, score=0.9, keep=True),
    ClassEntry(
        number=2,
        image="000002@c/class_averages.mrcs",
        fraction=0.25,
        resolution_angstrom=12.5,
        rotation_accuracy_deg=3.0,
        shift_accuracy_angstrom=1.5,
        score=0.1,
        keep=False,
    ),
)


def model(**changes):
    signal = np.outer([1.0, 2.0], np.geomspace(1e-3, 1e-7, RINGS))
    known = {
        "entries": ENTRIES,
        "box_px": BOX,
        "pixel_size_angstrom": 4.0,
        "signal_power": signal,
        "signal_to_noise": np.array([[100.0, 10, 1, 0.1, 0], [50.0, 5, 0.5, 0, 0]]),
        "noise_power": np.full(RINGS, 2e-4),
        "frc": np.tile(np.linspace(1, 0, RINGS), (2, 1)),
        "regularisation": 2.0,
        "shift_sd_angstrom": 6.5,
        "log_likelihood": -1234.5,
        "mean_best_probability": 0.8,
        "group_sizes": {"mics/007.mrc": 30, "mics/b.mrc": 10},
        "optics_groups": {"first": 25, "second": 15},
    }
    return ClassModel(**{**known, **changes})


def test_classes_come_back(tmp_path):
    write_model(tmp_path / "run_it003_model.star", model())
    write_class_averages(tmp_path / "class_averages.star", ENTRIES)
    assert read_classes(tmp_path / "run_it003_model.star") == ENTRIES
    assert read_classes(tmp_path / "class_averages.star") == ENTRIES


def test_a_choice_keeps_its_class_numbers(tmp_path):
    write_class_averages(tmp_path / "chosen.star", ENTRIES[1:])
    assert read_classes(tmp_path / "chosen.star") == ENTRIES[1:]
    (table,) = read_star(tmp_path / "chosen.star").blocks
    assert table.name == ""  # relion_autopick reads the first table only


def test_general_values(tmp_path):
    write_model(tmp_path / "m.star", model())
    general = read_star(tmp_path / "m.star").block("model_general")
    expected = {
        "rlnReferenceDimensionality": 2,
        "rlnOriginalImageSize": BOX,
        "rlnPixelSize": 4,
        "rlnNrClasses": 2,
        "rlnNrGroups": 2,
        "rlnNrOpticsGroups": 2,
        "rlnTau2FudgeFactor": 2,
        "rlnSigmaOffsetsAngst": 6.5,
        "rlnCurrentResolution": 12.5,
        "rlnLogLikelihood": -1234.5,
        "rlnAveragePmax": 0.8,
    }
    assert {name: float(general.value(name)) for name in expected} == expected


def test_spectra_are_consistent(tmp_path):
    write_model(tmp_path / "m.star", model())
    star = read_star(tmp_path / "m.star")
    table = star.block("model_class_2")
    np.testing.assert_allclose(table.number("rlnReferenceTau2"), model().signal_power[1], rtol=1e-6)
    noise, ratio = table.number("rlnReferenceSigma2"), table.number("rlnSsnrMap")
    seen = ratio > 0
    np.testing.assert_allclose(noise[seen] * ratio[seen], model().signal_power[1][seen], rtol=1e-6)
    assert noise.min() > 0
    assert table.number("rlnAngstromResolution").tolist() == pytest.approx(
        [UNKNOWN, 32, 16, 32 / 3, 8], rel=1e-6
    )
    for name in ("model_group_1", "model_group_2", "model_optics_group_1", "model_optics_group_2"):
        assert star.block(name).number("rlnSigma2Noise").tolist() == [2e-4] * RINGS
    assert star.block("model_groups").text("rlnGroupName").tolist() == [
        "mics/007.mrc",
        "mics/b.mrc",
    ]
    assert star.block("model_groups").number("rlnGroupNrParticles").tolist() == [30, 10]


def test_without_micrographs_there_is_one_group(tmp_path):
    write_model(tmp_path / "m.star", model(group_sizes={}))
    groups = read_star(tmp_path / "m.star").block("model_groups")
    assert groups.number("rlnGroupNrParticles").tolist() == [40]


def test_white_noise_in_relions_unit():
    rng = np.random.default_rng(0)
    images = rng.normal(scale=3.0, size=(400, 16, 16))
    coefficients = np.fft.fft2(images)[:, 1, 2] / 16**2
    assert np.mean(np.abs(coefficients) ** 2) / 2 == pytest.approx(
        noise_power_of_white(9.0, 16), rel=0.15
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_power": np.ones(RINGS + 1)},
        {"frc": np.full((2, RINGS), np.nan)},
        {"signal_power": np.ones((3, RINGS))},
    ],
)
def test_spectra_that_do_not_fit_are_refused(changes):
    with pytest.raises(InputError, match=next(iter(changes))):
        model(**changes)
