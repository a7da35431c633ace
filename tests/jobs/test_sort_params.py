from cryopick.curate.settings import SortSettings
from cryopick.jobs.sort_params import SortParams


def test_the_defaults_are_those_of_the_settings():
    assert SortParams(particles="p.star").settings() == SortSettings()


def test_every_setting_can_be_given():
    given = {
        "particle_diameter_angstrom": 90.0,
        "low_pass_angstrom": 15.0,
        "ctf": "ignore",
        "scale": "none",
        "min_z": 0.5,
        "z_score": "robust",
    }
    assert set(given) == set(SortSettings.__dataclass_fields__)
    assert SortParams(particles="p.star", **given).settings() == SortSettings(**given)
