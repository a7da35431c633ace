"""What a file of results says of the machine and of repeats."""

import json

import pytest

from measuring.result_file import machine, spread, versions, write_result

CPU = "processor\t: 0\nmodel\t\t: 143\nmodel name\t: Some Xeon\nflags\t\t: fpu avx512f amx_tile\n"
OLD = "model name\t: Older\nflags\t\t: fpu sse2\n"


def test_machine_reads_processor_amx_and_memory():
    found = machine(CPU, "MemFree: 1 kB\nMemTotal:       8388608 kB\n")
    assert (found["processor"], found["model"]) == ("Some Xeon", "143")
    assert found["amx"] is True
    assert found["avx512"] is True
    assert found["memory_gib"] == 8.0
    assert found["cores"] >= 1


def test_machine_without_amx_and_without_proc():
    assert machine(OLD, "")["amx"] is False
    nothing = machine("", "")
    assert nothing["amx"] is False
    assert nothing["memory_gib"] is None
    assert nothing["processor"]


def test_versions_name_the_program_and_the_sums():
    assert {"python", "cryopick", "numpy", "torch"} <= versions().keys()


def test_result_holds_figures_machine_and_day(tmp_path, capsys):
    path = write_result("speed", {"seconds": spread([1.0, 2.0])}, folder=tmp_path)
    assert path == tmp_path / "speed.json"
    found = json.loads(path.read_text("utf-8"))
    assert found["benchmark"] == "speed"
    assert found["seconds"] == {"median": 1.5, "min": 1.0, "max": 2.0, "n": 2}
    assert found["date"].endswith("+00:00")
    assert "cores" in found["machine"]
    assert "written: results/speed.json" in capsys.readouterr().out


def test_a_smaller_run_leaves_the_results_alone(tmp_path, capsys):
    (tmp_path / "speed.json").write_text("as it was")
    assert write_result("speed", {}, folder=tmp_path, smaller=True) is None
    assert (tmp_path / "speed.json").read_text() == "as it was"
    assert "stays as it is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "median", "least", "most"),
    [([2.0], 2.0, 2.0, 2.0), ([9.0, 1.0, 2.0], 2.0, 1.0, 9.0), ([1.0, 2.0, 3.0, 10.0], 2.5, 1, 10)],
)
def test_spread(values, median, least, most):
    found = spread(iter(values))
    assert (found["median"], found["min"], found["max"]) == (median, least, most)
    assert found["n"] == len(values)
