"""Out of a project in every dialect and in again: same picks, same image, same names."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.io.picks.dialect import Dialect
from cryopick.io.picks.registry import dialects
from cryopick.model import Picks
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.exporting import export_set
from cryopick.project.import_picks import import_picks
from cryopick.project.pick_table import insert_picks, read_picks_of
from cryopick.project.store import Project, create_project

IMAGE = "7"  # some dialects hold numbers, not names
CASES = [
    (entry, ndim)
    for entry in dialects().values()
    if entry.write is not None and entry.suffixes
    for ndim in entry.dimensions
]
NAMES = [f"{entry.name}-{ndim}D" for entry, ndim in CASES]


def project_of(folder: Path, ndim: int, size_px: tuple[int, ...]) -> Project:
    project = create_project(folder)
    kind = SetKind.MICROGRAPHS if ndim == 2 else SetKind.TOMOGRAMS
    member = Member(name=IMAGE, size_px=size_px[:ndim])
    project.put(
        Dataset(name="images", kind=kind, ndim=ndim, members=(member,), pixel_size_angstrom=2.5)
    )
    rng = np.random.default_rng(8)
    whole = rng.integers(40, 150, (9, ndim)).astype(np.float64)
    picks = Picks.of(
        whole * 2.5,
        image=IMAGE,
        score=np.linspace(0.1, 0.9, 9),
        group=np.array([f"{i % 3 + 1}" for i in range(9)]),
        label=np.full(9, "ribosome"),
    )
    dataset = Dataset(
        name="picks", kind=SetKind.PICKS, ndim=ndim, members=(member,), pixel_size_angstrom=2.5,
        box_size_px=32, precedents=("images",),
    )  # fmt: skip
    insert_picks(project, dataset, picks)
    return project


def by_place(picks: Picks) -> Picks:
    """Picks in the order of their positions: files may sort them."""
    return picks[np.lexsort(np.round(picks.position_angstrom, 3).T)]


def there_and_back(project: Project, folder: Path, entry: Dialect) -> tuple[Picks, Picks]:
    folder.mkdir()
    path = folder / f"{IMAGE}{entry.suffixes[0]}"
    export_set(project, "picks", path, dialect=entry.name)
    import_picks(project, [path], name="again", dialect=entry.name)
    return by_place(read_picks_of(project, "picks")), by_place(read_picks_of(project, "again"))


@pytest.mark.parametrize("size_px", [(256, 200, 180), (255, 201, 179)], ids=["even", "odd"])
@pytest.mark.parametrize(("entry", "ndim"), CASES, ids=NAMES)
def test_positions(tmp_path: Path, entry: Dialect, ndim: int, size_px: tuple[int, ...]):
    with project_of(tmp_path / "p", ndim, size_px) as project:
        before, after = there_and_back(project, tmp_path / "out", entry)
    assert after.image.tolist() == [IMAGE] * 9
    np.testing.assert_allclose(after.position_angstrom, before.position_angstrom, atol=2.5e-3)


@pytest.mark.parametrize(("entry", "ndim"), CASES, ids=NAMES)
def test_what_a_dialect_says_it_keeps(tmp_path: Path, entry: Dialect, ndim: int):
    with project_of(tmp_path / "p", ndim, (256, 200, 180)) as project:
        before, after = there_and_back(project, tmp_path / "out", entry)
    if "score" in entry.keeps:
        assert before.score is not None
        assert after.score is not None
        np.testing.assert_allclose(after.score, before.score, rtol=1e-3)
    if "group" in entry.keeps:
        assert before.group is not None
        assert after.group is not None
        # A dialect may number its groups; who is in one with whom must stay.
        pairs = set(zip(before.group.tolist(), after.group.tolist(), strict=True))
        assert len(pairs) == 3
    if "label" in entry.keeps:
        assert after.label is not None
        assert len(set(after.label.tolist())) == 1
