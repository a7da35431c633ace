import json

import pytest

from cryopick.errors import FormatError
from cryopick.io.star_recognise import recognised_star
from shared_data import shared

KINDS = {
    "relion5_spa_project/AutoPick/job008/autopick.star": "RELION list of coordinate files",
    "relion5_spa_project/ManualPick/job006/local_selection.star": "RELION micrographs",
    "relion5_spa_project/CtfFind/job005/micrographs_ctf.star": "RELION micrographs with CTF",
    "relion5_spa_project/Extract/job009/particles.star": "RELION particles",
    "relion5_spa_project/Import/job001/movies.star": "RELION movies",
    "relion5_tomo_project/Tomograms/job006/tomograms.star": "RELION 5 tomograms",
    "relion5_tomo_project/Import/job001/tilt_series.star": "RELION 5 list of tilt series",
    "relion5_tomo_project/CtfFind/job003/tilt_series/TS_01.star": "RELION 5 tilt series",
    "relion5_tomo_project/Picks/job009/job.star": "RELION job",
    "relion5_tomo_project/Picks/job019/optimisation_set.star": "RELION optimisation set",
    "relion5_tomo_project/Picks/job019/particles.star": "RELION 5 particles of tomograms",
    "relion5_tomo_project/Picks/job019/annotations/TS_01_particles.star": (
        "RELION picks of tomograms"
    ),
    "relion_tomo/warp2_matching_tomograms.star": "RELION 4 tomograms",
    "relion_tomo/relion_4.0.star": "RELION 4 particles of tomograms",
    "relion_tomo/relion_3.0.star": "RELION 3 subtomograms",
    "pytom_match_pick/candidatesPytomRel5.star": "pytom-match-pick candidates",
    "relion_spa/mtf_k2_300kV.star": "RELION detector MTF",
    "relion_spa/default_pipeline.star": "RELION pipeline",
    "relion_spa/basic_double_quote.star": "STAR table",
    "stopgap_motl/class6_er_mr1_1_sg_head.star": "STOPGAP motive list",
}


@pytest.mark.parametrize(("relative", "kind"), KINDS.items())
def test_genuine_files_are_recognised(relative, kind):
    facts = recognised_star(shared(f"formats/{relative}"))
    assert facts["kind"] == kind
    assert json.loads(json.dumps(facts)) == facts


def test_the_facts_name_blocks_rows_and_version():
    facts = recognised_star(shared("formats/relion5_spa_project/Extract/job009/particles.star"))
    assert facts["summary"] == "data_optics:1x11; data_particles:2374x16"
    assert facts["version"] == "50001"
    assert facts["blocks"][1]["columns"][:2] == ["rlnCoordinateX", "rlnCoordinateY"]


def test_class_models_and_import_lists(tmp_path):
    path = tmp_path / "a.star"
    path.write_text("data_model_classes\nloop_\n_rlnReferenceImage\n_rlnClassDistribution\na 1\n")
    assert recognised_star(path)["kind"] == "RELION class model"
    path.write_text("data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\nT a.star\n")
    assert recognised_star(path)["kind"] == "RELION particle import list"
    path.write_text("data_\n_x 1\n")
    assert recognised_star(path)["summary"] == "data_:pairs 1"
    path.write_text("nothing")
    with pytest.raises(FormatError, match="not a STAR file"):
        recognised_star(path)
