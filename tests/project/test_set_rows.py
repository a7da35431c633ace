"""Sets as rows: whatever a set holds survives SQLite, and names stay names."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics
from cryopick.model.sets import Acquisition, Dataset, Member, SetKind
from cryopick.project.set_rows import member_from, member_values, set_values
from cryopick.project.store import create_project

numbers = st.floats(-1e9, 1e9)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
names = st.one_of(
    st.sampled_from(["007", "1e5", "TS 01", "Ångström", "null", "0x1F", "-", "a'b\"c"]),
    words.filter(lambda text: bool(text.strip())),
)
members = st.builds(
    Member,
    name=names,
    path=words,
    count=st.integers(0, 2**40),
    group=words,
    size_px=st.sampled_from([(), (10, 20), (10, 20, 30)]),
    origin_angstrom=st.sampled_from([(), (0.5, -1.25), (1e-9, 3.3, 1e9)]),
    files=st.dictionaries(words, words, max_size=3),
    defocus=st.none() | st.builds(Defocus, u_um=numbers, v_um=numbers, phase_shift_deg=numbers),
)
sets = st.builds(
    Dataset,
    name=st.just("s"),
    kind=st.sampled_from(list(SetKind)),
    members=st.lists(members, max_size=4, unique_by=lambda m: m.name).map(tuple),
    ndim=st.sampled_from([2, 3]),
    pixel_size_angstrom=st.none() | st.floats(1e-3, 1e4),
    box_size_px=st.none() | st.floats(0.5, 1e5),
    acquisition=st.none()
    | st.builds(
        Acquisition,
        tilt_min_deg=st.floats(-90, 0),
        tilt_max_deg=st.floats(0, 90),
        tilt_step_deg=st.none() | st.floats(0.1, 90),
        axis_angle_deg=st.none() | numbers,
    ),
    optics=st.none() | st.builds(Optics, voltage_kv=st.floats(1, 3000), cs_mm=numbers, group=words),
)


@given(members, st.integers(0, 1000))
def test_a_member_survives_its_row(member: Member, place: int):
    row = member_values("set", place, member)
    assert row[:3] == ("set", place, member.name)
    assert member_from(row[2:]) == member


@given(sets)
@settings(max_examples=40, deadline=None)
def test_a_set_survives_the_file(dataset: Dataset):
    with tempfile.TemporaryDirectory() as folder, create_project(Path(folder) / "p") as project:
        project.put(dataset)
        assert project.get("s") == dataset
        assert len(project.get("s")) == len(dataset)


def test_numbers_in_rows_are_those_of_the_set():
    dataset = Dataset(
        name="007",
        kind=SetKind.TOMOGRAMS,
        ndim=3,
        pixel_size_angstrom=13.48,
        box_size_px=31.5,
        precedents=("a", "b"),
    )
    assert set_values(dataset, 12.5) == (
        "007", "tomograms", 3, 13.48, 31.5, '["a", "b"]', None, None, 12.5,
    )  # fmt: skip


@given(st.text(max_size=4))
def test_a_name_is_fit_for_a_file_or_refused(name: str):
    try:
        dataset = Dataset(name=name, kind=SetKind.PICKS)
    except InputError:
        assert not name or name != name.strip() or "/" in name or "\0" in name or name[0] == "."
    else:
        assert Path("sets", f"{dataset.name}.star").parent == Path("sets")


def test_a_project_of_many_sets_keeps_their_order(tmp_path: Path):
    with create_project(tmp_path / "p", clock=lambda: 5.0) as project:
        for name in ("z", "a", "m", "007"):
            project.put(Dataset(name=name, kind=SetKind.VOLUMES))
        assert project.names() == ["z", "a", "m", "007"]
        project.put(Dataset(name="z", kind=SetKind.CLASSES), replace=True)
        assert project.names() == ["z", "a", "m", "007"]
        assert project.names(SetKind.CLASSES) == ["z"]
        assert project.kind_of("z") == (SetKind.CLASSES, 2)
