import pytest

from cryopick.errors import FormatError
from cryopick.io.metadata.relion_classes import ClassEntry, read_classes


def write(path, text):
    path.write_text(text)
    return path


def test_classes(tmp_path):
    path = write(
        tmp_path / "run_it025_model.star",
        "data_model_general\n_rlnReferenceDimensionality 2\n\ndata_model_classes\nloop_\n"
        "_rlnReferenceImage\n_rlnClassDistribution\n_rlnAccuracyRotations\n"
        "_rlnAccuracyTranslationsAngst\n_rlnEstimatedResolution\n"
        "000001@run_it025_classes.mrcs 0.25 999.0 999.0 inf\n"
        "000002@run_it025_classes.mrcs 0.75 3.5 1.25 8.4\n"
        "\ndata_model_class_1\nloop_\n_rlnSpectralIndex\n0\n1\n",
    )
    assert read_classes(path) == (
        ClassEntry(number=1, image="000001@run_it025_classes.mrcs", fraction=0.25),
        ClassEntry(
            number=2,
            image="000002@run_it025_classes.mrcs",
            fraction=0.75,
            resolution_angstrom=8.4,
            rotation_accuracy_deg=3.5,
            shift_accuracy_angstrom=1.25,
        ),
    )
    with pytest.raises(FormatError, match="no table with rlnReferenceImage"):
        read_classes(write(tmp_path / "x.star", "data_model_classes\nloop_\n_rlnX\n1\n"))


def test_the_number_of_a_chosen_class_is_its_place_in_the_stack(tmp_path):
    path = write(
        tmp_path / "class_averages.star",
        "data_\nloop_\n_rlnReferenceImage\n_rlnClassDistribution\n"
        "000005@run_it025_classes.mrcs 0.25\nmap.mrc 0.75\n",
    )
    assert [(c.number, c.score, c.keep) for c in read_classes(path)] == [
        (5, None, None),
        (2, None, None),
    ]


def test_ranks(tmp_path):
    path = write(
        tmp_path / "rank_model.star",
        "data_model_classes\nloop_\n_rlnReferenceImage\n_rlnClassDistribution\n"
        "_rlnClassScore\n_rlnSelected\n000001@a.mrcs 0.25 0.8 1\n000002@a.mrcs 0.75 0.1 0\n",
    )
    assert [(c.score, c.keep) for c in read_classes(path)] == [(0.8, True), (0.1, False)]
