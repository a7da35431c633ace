"""Commands are measured from outside, each by itself."""

import os
import subprocess
import sys

import numpy as np
import pytest

from measuring.command import cryopick, measure, private_kb, tree

SLEEPER = [sys.executable, "-I", "-S", "-c", "import sys; print(1, flush=True); sys.stdin.read()"]


def python(text):
    return measure([sys.executable, "-I", "-S", "-c", text])


def test_output_time_and_memory_of_a_command():
    run = python("import sys; print('out'); print('err', file=sys.stderr); sum(range(3000000))")
    assert (run.stdout, run.stderr) == ("out\n", "err\n")
    assert run.wall_seconds > 0
    assert run.cpu_seconds > 0
    assert 1 < run.peak_rss_mb < 100


def test_memory_of_the_command_is_counted():
    small = python("b = bytes(1)")
    large = python("b = bytearray(b'1') * (200 << 20); import time; time.sleep(0.3)")
    assert large.peak_rss_mb - small.peak_rss_mb == pytest.approx(200, abs=5)
    assert large.peak_private_mb > 190


def test_memory_of_the_one_who_measures_is_not():
    ballast = np.ones(300 << 17)  # 300 MB
    assert python("b = bytes(1)").peak_rss_mb < 100
    assert ballast.sum() == ballast.size


def test_memory_of_a_child_of_the_command_is_counted():
    child = "b = bytearray(b'1') * (150 << 20)"
    run = python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    assert run.peak_rss_mb > 150


def test_a_command_that_fails_says_so_with_its_words():
    with pytest.raises(RuntimeError, match=r"exit 3: no such thing"):
        python("import sys; print('no such thing', file=sys.stderr); sys.exit(3)")


def test_a_command_that_does_not_exist():
    with pytest.raises(RuntimeError, match=r"no_such_program.*cannot be started"):
        measure(["no_such_program"])


def test_cryopick_is_the_program_of_this_environment():
    assert cryopick("--version").stdout.startswith("cryopick")


def test_commands_use_one_thread():
    assert python("import os; print(os.environ['OMP_NUM_THREADS'])").stdout == "1\n"


def test_tree_and_private_memory_of_a_living_process():
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert child.pid in tree(os.getpid())
        assert private_kb(child.pid) > 500
        child.stdin.close()
    assert child.pid not in tree(os.getpid())
    assert private_kb(child.pid) == 0
