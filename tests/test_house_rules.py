"""Rules of the house that no linter knows: see CONTRIBUTING.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src" / "cryopick").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST_FILE = 450
LONGEST_FUNCTION = 60  # lines of code, without docstring, comments and blank lines
BANNED_NAMES = {"utils", "util", "helpers", "common", "manager", "misc"}

# Name a function here only with its reason.
LONG_FUNCTIONS: dict[str, str] = {}


def code_lines(source: list[str], node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body
    has_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if has_docstring and len(body) > 1 else body[0]
    lines = source[first.lineno - 1 : node.end_lineno]
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def test_there_is_something_to_check():
    assert len(SOURCES) > 30
    assert len(TESTS) > 30


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short(path):
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


def test_functions_are_short():
    too_long = {}
    for path in SOURCES:
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.relative_to(ROOT / 'src')}:{node.name}"
                lines = code_lines(text.splitlines(), node)
                if lines > LONGEST_FUNCTION and name not in LONG_FUNCTIONS:
                    too_long[name] = lines
    assert too_long == {}


def test_no_module_is_named_after_nothing():
    assert [p for p in SOURCES if p.stem in BANNED_NAMES] == []


def test_there_are_at_least_as_many_lines_of_tests_as_of_source():
    def lines(paths):
        return sum(len(p.read_text("utf-8").splitlines()) for p in paths)

    assert lines(TESTS) >= lines(SOURCES)


def test_nothing_is_left_unfinished():
    pattern = re.compile(r"NotImplementedError|\bTODO\b|\bFIXME\b|\bXXX\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_no_gpl_package_is_a_dependency():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in ("healpy", "hpgeom", "ducc0", "torch-so3", "pytom", "pytme", "topaz-em"):
        assert f'"{name}' not in text
