"""Which journal a folder gets, from the table of mounts."""

from pathlib import Path

import pytest

from cryopick.project.journal import Journal, file_system, journal_for

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home {root}/home nfs4 rw 0 0
mds:/lustre {root}/scratch lustre rw 0 0
tmpfs {root}/home/local tmpfs rw 0 0
sshfs {root}/far fuse.sshfs rw 0 0
/dev/sdb1 {root}/usb fuseblk rw 0 0
//nas/x {root}/my\\040data cifs rw 0 0
broken line
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mounts"
    path.write_text(MOUNTS.format(root=tmp_path.resolve()))
    return path


@pytest.mark.parametrize(
    ("folder", "kind", "journal"),
    [
        ("plain", "ext4", Journal.LOCAL),
        ("home", "nfs4", Journal.NETWORK),
        ("home/ann/project", "nfs4", Journal.NETWORK),
        ("home/local/project", "tmpfs", Journal.LOCAL),
        ("homework", "ext4", Journal.LOCAL),
        ("scratch/x", "lustre", Journal.NETWORK),
        ("far/x", "fuse.sshfs", Journal.NETWORK),
        ("usb/x", "fuseblk", Journal.LOCAL),
        ("my data/x", "cifs", Journal.NETWORK),
    ],
)
def test_the_deepest_mount_decides(
    tmp_path: Path, mounts: Path, folder: str, kind: str, journal: Journal
):
    assert file_system(tmp_path / folder, mounts) == kind
    assert journal_for(tmp_path / folder, mounts) is journal


def test_what_cannot_be_named_is_taken_for_a_network(tmp_path: Path):
    assert file_system(tmp_path, tmp_path / "nothing") is None
    assert journal_for(tmp_path, tmp_path / "nothing") is Journal.NETWORK


def test_a_link_is_followed(tmp_path: Path, mounts: Path):
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    assert journal_for(tmp_path / "link", mounts) is Journal.NETWORK


def test_a_later_mount_on_the_same_place_counts(tmp_path: Path, mounts: Path):
    with mounts.open("a") as file:
        file.write(f"x {tmp_path.resolve()}/home xfs rw 0 0\n")
    assert file_system(tmp_path / "home", mounts) == "xfs"
