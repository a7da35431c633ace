"""The table of the README is made from the results, and from nothing else."""

import json

import pytest

import update_readme
from measuring.result_file import RESULTS
from update_readme import BEGIN, END, README, filled, load_results, table

MACHINE = {"cores": 2, "processor": "Some Xeon", "amx": False, "memory_gib": 24.0}
HEAD = {"machine": MACHINE, "date": "2026-01-02T03:04:05+00:00"}
HELP = HEAD | {
    "help_s": {"median": 0.123},
    "help_cpu_s": {"median": 0.1},
    "info_file_gb": 1.07,
    "info_s": {"median": 0.456},
    "info_cpu_s": {"median": 0.4},
    "info_peak_rss_mb": {"median": 53.4},
}


def picker(near, far):
    return {
        "at_0.25_diameter": {"f1": near},
        "at_0.5_diameter": {"f1": far},
        "cpu_s_per_image": {"median": 0.5},
    }


def test_figures_are_those_of_the_results():
    text = table({"command_speed": HELP})
    assert "| `cryopick --help` | 0.12 s (0.10 s of the processor) |" in text
    assert (
        "| `cryopick info` on an MRC of 1.1 GB | 0.46 s (0.40 s of the processor), 53 MB |" in text
    )
    assert "2 cores of Some Xeon, 24 GiB, no GPU used, 2026-01-02" in text


def test_accuracy_shows_both_tolerances_and_the_peer():
    pickers = {"disc (default)": picker(0.9271, 0.9291), "RELION": picker(0.51, 0.81)}
    found = HEAD | {
        "relion_version": "3.1.3",
        "sets": {"apoferritin": {"images": 10, "pickers": pickers}},
    }
    text = table({"pick_log_accuracy": found})
    assert "10 real apoferritin micrographs" in text
    assert "disc (default) 0.927 / 0.929, 0.5 s; RELION 0.510 / 0.810, 0.5 s" in text
    assert "RELION 3.1.3 ran in turns" in text


def test_a_shared_machine_is_said_to_be_one():
    busy = HELP | {"machine": MACHINE | {"load_1_min": 4.5}}
    assert "shared (load up to 4.5)" in table({"command_speed": busy})
    assert "shared" not in table({"command_speed": HELP})


def test_lost_edits_and_different_files_are_not_hidden():
    job = {"kills": {"driver": 2, "worker": 3}, "images": 50, "equal": False}
    edits = {"local": {"kills": 4, "lost": 1, "acknowledged": 2000}}
    found = HEAD | {"job": job | {"differing_files": ["a", "b"]}, "edits": edits}
    text = table({"kill_resume": found})
    assert (
        "| `kill -9` 5 times in a job of 50 micrographs, then `resume` | 2 files differ |" in text
    )
    assert "1 of 2,000 acknowledged edits lost" in text


def test_days_of_different_results_are_a_range():
    later = HELP | {"date": "2026-02-01T00:00:00+00:00"}
    fuzz = HEAD | {"files": 2000, "failures": {"a.mrc": ["hang"]}, "peak_mb": 300}
    text = table({"command_speed": later, "fuzz_readers": fuzz})
    assert "2026-01-02 to 2026-02-01" in text
    assert "| 1 not refused in one clear line; at most 300 MB |" in text


def test_no_results_are_said_to_be_none():
    assert table({}).startswith("No results yet")


def test_only_what_is_between_the_marks_is_replaced():
    old = f"# Title\n{BEGIN}\nold\n{END}\nlast\n"
    new = filled(old, "| new |\n")
    assert new == f"# Title\n{BEGIN}\n| new |\n{END}\nlast\n"
    assert filled(new, "| new |\n") == new


@pytest.mark.parametrize("readme", ["no marks", BEGIN, END])
def test_a_readme_without_the_marks_is_refused(readme):
    with pytest.raises(SystemExit, match="expected <!-- benchmarks -->"):
        filled(readme, "x")


def test_check_tells_whether_the_readme_is_up_to_date(tmp_path, monkeypatch, capsys):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "command_speed.json").write_text(json.dumps(HELP))
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    monkeypatch.setattr(update_readme, "README", readme)
    monkeypatch.setattr(update_readme, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["update_readme.py", "--check"])
    assert update_readme.main() == 1
    monkeypatch.setattr("sys.argv", ["update_readme.py"])
    assert update_readme.main() == 0
    assert "0.12 s" in readme.read_text()
    monkeypatch.setattr("sys.argv", ["update_readme.py", "--check"])
    assert update_readme.main() == 0
    assert "up to date" in capsys.readouterr().out


def test_the_results_kept_here_make_a_table():
    results = load_results(RESULTS)
    assert results
    text = table(results)
    assert text.count("\n| ") >= len(results)
    assert BEGIN in README.read_text("utf-8")
    for found in results.values():
        assert {"benchmark", "date", "machine", "versions"} <= found.keys()
