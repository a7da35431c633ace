"""Rows of the README tell what the results of tomogram matching hold."""

from measuring.match_rows import bank_rows, kill_rows, large_rows, peer_rows, species_rows


def seconds(value):
    return {"median": value, "min": value, "max": value, "n": 1}


MINE = {
    "precision_at_n": 0.987, "angle_error_deg": 2.34, "truth": 150, "cpu_s": seconds(100.0),
    "wall_s": seconds(62.0),
}  # fmt: skip
PEER = {
    "pytme_version": "0.3.6",
    "rotations_compared": 7800,
    "times_faster": {"cpu": 43.2, "wall": 70.0},
    "pytme_time": {"cpu_s_for_7800": 4320.4},
    "tomograms": {"tomoL": {"cryopick": MINE, "pyTME, 360 rotations": {"precision_at_n": 0.847}}},
}


def test_peer():
    time, accuracy = peer_rows(PEER)
    assert "7,800 rotations" in time[0]
    assert time[1].startswith("100 s of the processor, 62 s; pyTME 0.3.6, extrapolated: 4,320 s")
    assert "43.2 times" in time[1]
    assert "best 150 picks" in accuracy[0]
    assert accuracy[1] == ("cryopick 0.987; pyTME, 360 rotations 0.847 (median angular error 2.3°)")


def test_without_the_peer_there_is_no_comparison_of_times():
    alone = {"tomograms": {"tomoL": {"cryopick": MINE | {"angle_error_deg": None}}}}
    ((_, figure),) = peer_rows(alone)
    assert figure == "cryopick 0.987"


def test_species():
    programs = {"exact": {"average_precision": 0.5}, "pyTME": {"average_precision": None}}
    (row,) = species_rows({"species": {"VLP": {"targets": 33, "programs": programs}}})
    assert "33 of VLP" in row[0]
    assert row[1] == "exact 0.500, pyTME -"


def test_bank():
    found = {
        "size_px": [400, 300, 180],
        "angular_step_deg": 14.0,
        "engines": {
            "bank": {"average_precision": 0.951, "cpu_s": seconds(210.0)},
            "exact": {"average_precision": 0.96, "cpu_s": seconds(3210.0)},
        },
    }
    ((what, figure),) = bank_rows(found)
    assert "180 x 300 x 400" in what
    assert figure == "average precision 0.951 and 0.960; 210 s and 3,210 s of the processor"


def test_differences_after_kills_are_not_hidden():
    def row(differing, second):
        return {
            "kills": {"driver": 6, "worker": 4},
            "differing_files": differing,
            "differing_files_of_second_run": second,
        }

    found = {"bank": row([], []), "exact": row(["a"], ["b", "c"])}
    good, bad = kill_rows({"engines": found})
    assert good[0].startswith("`kill -9` 10 times in a search by `bank`")
    assert good[1] == "same result, bit for bit"
    assert bad[1] == "1 files differ; two undisturbed runs differ in 2 files"


def test_large():
    engine = {
        "wall_s": 480.2, "cpu_s": 900.0, "peak_private_gb": 7.04, "forecast_s": 500.0,
        "forecast_gb": 8.0,
    }  # fmt: skip
    found = {
        "shape_zyx": [464, 928, 960],
        "angular_step_deg": 7.0,
        "device": "cpu",
        "engines": {"auto": engine},
    }
    ((what, figure),) = large_rows(found)
    assert what == "`match --engine auto` of 960 x 928 x 464, 7° steps"
    assert figure == ("480 s (900 s of the processor), 7.0 GB; `--dry-run` said 500 s, 8.0 GB")
    ((what, _),) = large_rows(found | {"device": "cuda:0"})
    assert "on cuda:0" in what
