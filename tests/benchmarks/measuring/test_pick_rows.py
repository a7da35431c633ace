"""The README's rows say what the results say."""

from measuring import pick_rows


def times(seconds):
    return {"median": seconds, "min": seconds, "max": seconds, "n": 3}


def test_template_rows_name_every_picker():
    found = {
        "micrographs": 4,
        "pickers": {
            "template, 8 references": {
                "f1": 0.9384, "best_f1": 0.9391, "cpu_s_per_micrograph": times(1.62),
            },
            "RELION log": {"f1": 0.868, "best_f1": 0.869, "cpu_s_per_micrograph": times(0.52)},
        },
        "topaz": {"images": 2, "best_f1": 0.974, "cpu_s_per_micrograph": 45.1},
    }  # fmt: skip
    ((what, figures),) = pick_rows.template_rows(found)
    assert "4 synthetic micrographs" in what
    assert "template, 8 references 0.938 (0.939), 1.6 s" in figures
    assert "RELION log 0.868 (0.869), 0.52 s" in figures
    assert "Topaz 0.3.20, pretrained, 2 of them: best 0.974, 45 s" in figures


def test_real_rows_leave_out_what_has_no_picks():
    near, far = {"f1": 0.765, "best_f1": 0.85}, {"f1": 0.82, "best_f1": None}
    found = {
        "sets": {
            "bgal": {
                "pickers": {
                    "template": {"picks": 9, "at_0.25_diameter": near, "at_0.5_diameter": far},
                    "making of references": {"cpu_s_per_image": 4.0},
                }
            }
        }
    }
    ((what, figures),) = pick_rows.real_rows(found)
    assert "β-galactosidase" in what
    assert figures == "template 0.77 / 0.82 (best 0.85 / 0.00)"


def test_merit_rows_give_both_engines():
    engines = {"exact": {"least_correlation": 0.9989}, "bank": {"least_correlation": 0.9974}}
    ((what, figures),) = pick_rows.merit_rows({"relion_version": "3.1.3", "engines": engines})
    assert "RELION 3.1.3" in what
    assert figures == "exact 0.9989, bank 0.9974"


def test_extract_rows_tell_of_equality():
    found = {
        "particles": 2400, "box_px": 256, "rescaled_px": 64,
        "programs": {"cryopick": {"wall_s": times(1.4), "cpu_s": times(2.4)}},
        "difference_sd": {"largest": 7e-06},
    }  # fmt: skip
    ((what, figures),) = pick_rows.extract_rows(found)
    assert "2,400 from 256 to 64 px" in what
    assert (
        figures == "cryopick 1.4 s (2.4 s of the processor); largest difference of a pixel 7e-06 sd"
    )


def test_classify_rows_one_per_size():
    row = {
        "wall_s": times(18.0), "cpu_s": times(26.0), "angular_spread_deg": 38.5,
        "adjusted_rand_index": 0.286, "ceiling": 0.416,
    }  # fmt: skip
    size = {"particles": 2000, "classes": 20, "iterations": 10, "programs": {"cryopick": row}}
    rows = list(pick_rows.classify_rows({"small": size, "large": size | {"particles": 10000}}))
    assert [what.split(",")[1] for what, _ in rows] == [" 2", " 10"]
    assert "18 s (26 s of the processor), spread of views 38°" in rows[0][1]
    assert "index 0.29 (at best 0.42)" in rows[0][1]
