import pytest

from cryopick.errors import FormatError
from cryopick.io.metadata.relion_optimisation_set import (
    OptimisationSet,
    read_optimisation_set,
    write_optimisation_set,
)
from shared_data import shared


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        (
            "relion5_tomo_project/Picks/job019/optimisation_set.star",
            OptimisationSet(
                particles="Picks/job019/particles.star", tomograms="Denoise/job008/tomograms.star"
            ),
        ),
        (
            "relion_tomo/warp2_matching_optimisation_set.star",
            OptimisationSet(particles="matching.star", tomograms="matching_tomograms.star"),
        ),
        (
            "relion5_tomo_small/Class3D/job_class3d/run_it025_optimisation_set.star",
            OptimisationSet(
                particles="Class3D/job_class3d/run_it025_data.star",
                tomograms="Tomograms/job_tomo/tomograms.star",
            ),
        ),
    ],
)
def test_genuine_optimisation_sets(tmp_path, relative, expected):
    files = read_optimisation_set(shared(f"formats/{relative}"))
    assert files == expected
    write_optimisation_set(tmp_path / "o.star", files)
    assert read_optimisation_set(tmp_path / "o.star") == files


def test_what_is_no_optimisation_set(tmp_path):
    with pytest.raises(FormatError, match="no rlnTomoParticlesFile"):
        read_optimisation_set(write(tmp_path / "o.star", "data_\n_rlnX 1\n"))
