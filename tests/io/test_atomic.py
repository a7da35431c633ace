import stat

import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.atomic import atomic_open, atomic_path, write_bytes, write_text


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "a.star"
    with atomic_open(target) as file:
        file.write("half")
        assert not target.exists()
    assert target.read_text() == "half"
    assert [p.name for p in tmp_path.iterdir()] == ["a.star"]


def test_an_error_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.star"
    write_text(target, "old")
    with pytest.raises(RuntimeError, match="stop"), atomic_open(target) as file:
        file.write("new")
        raise RuntimeError("stop")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.star"]


def test_an_interrupt_leaves_no_litter_either(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a") as part:
        part.write_bytes(b"x")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_bytes_and_newlines_are_kept(tmp_path):
    write_bytes(tmp_path / "b", b"\x00\r\n\xff")
    write_text(tmp_path / "t", "a\r\nb\nµ")
    assert (tmp_path / "b").read_bytes() == b"\x00\r\n\xff"
    assert (tmp_path / "t").read_bytes() == "a\r\nb\nµ".encode()


def test_the_file_has_the_usual_rights(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("x")
    write_text(tmp_path / "ours", "x")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_missing_folder_and_a_folder_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match="make the folder first"):
        write_text(tmp_path / "no" / "a", "x")
    with pytest.raises(InputError, match="is a folder"):
        write_text(tmp_path, "x")
