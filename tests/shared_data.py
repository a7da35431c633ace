"""Where the genuine files lie: beside the checkout, never inside it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared(relative: str) -> Path:
    """Path of a genuine file; the test skips with a message where it is absent."""
    path = ROOT / relative
    if not path.exists():
        pytest.skip(f"shared data not beside the checkout: {relative}")
    return path
