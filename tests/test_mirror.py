"""Tests mirror the source: who knows a module's path knows where its test is."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "cryopick"
MODULES = sorted(
    path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.name != "__init__.py"
)


def mirrored(module):
    """``io/picks/box.py`` is tested in ``tests/io/picks/test_box.py``."""
    return ROOT / "tests" / module.parent / f"test_{module.stem.rstrip('_')}.py"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_test(module):
    assert "def test_" in mirrored(module).read_text("utf-8")


def test_no_test_is_left_behind_by_a_module_that_moved():
    """A file of tests lies in a folder that the source has too, or is about no one module."""
    folders = {path.parent.relative_to(SOURCE) for path in SOURCE.rglob("*.py")}
    of_the_whole = ("conventions", "benchmarks", "peers")
    found = {
        path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert {path for path in found - folders if path.parts[0] not in of_the_whole} == set()
