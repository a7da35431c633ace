import numpy as np
import pytest

from cryopick.extract.particles import ExtractedParticles
from cryopick.io.images import open_image
from cryopick.io.particles import read_particle_images, read_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.extract_outputs import (
    collect_particles,
    joined_particles,
    save_extracted,
    write_discarded,
)
from cryopick.model import Grid, Optics, Picks, delete
from cryopick.run.job import Cost, Item

GRID = Grid(shape=(100, 120), pixel_size_angstrom=2.0)
OPTICS = Optics(cs_mm=2.0)


def extracted(name, n, *, dropped=1, defocus=True, shift=0.5):
    rng = np.random.default_rng(n)
    place = rng.uniform(40, 150, (n + dropped, 2)).round()
    picks = Picks.of(place, image=name, score=np.arange(n + dropped) / 10)
    grey = {
        f"cryopick{of}{what}": rng.normal(size=n)
        for of in ("Box", "Image")
        for what in ("Mean", "Sd", "Min", "Max")
    }
    gone = delete(picks[n:], np.ones(dropped, bool), reason="edge")
    return ExtractedParticles(
        images=rng.normal(size=(n, 8, 8)).astype(np.float32),
        picks=Picks.of(place[:n], image=name, score=np.arange(n) / 10, extra=grey)
        if n
        else Picks.empty(2),
        shift_angstrom=np.full((n, 2), shift),
        defocus=np.full((n, 4), 1.5) if defocus else None,
        row=np.arange(n),
        dropped=gone,
        pixel_size_angstrom=4.0,
    )


def job_folder(folder, sets, *, optics=None, half=None, dtype="float32"):
    """What the items of a job leave."""
    items = []
    for name, found in sets.items():
        place = folder / "items" / name
        place.mkdir(parents=True)
        save_extracted(
            found, place, stack=f"{name}.mrcs", dtype=dtype,
            optics=(optics or {}).get(name), half=half and np.full(len(found.images), half),
        )  # fmt: skip
        inputs = {"name": name, "path": f"mics/{name}.mrc"}
        items.append(Item(id=name, inputs=inputs, cost=Cost(memory_bytes=1, seconds=1.0)))
    return items


def joined(folder, items, **more):
    given = {"dark": False, "ctf": "none", **more}
    return joined_particles(folder, items, grids=dict.fromkeys("abc", GRID), **given)


def collected(folder, items, **more):
    given = {"dark": False, "ctf": "none", "warnings": [], **more}
    return collect_particles(folder, items, grids=dict.fromkeys("abc", GRID), **given)


def test_items_are_joined_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sets = {"a": extracted("a", 3), "b": extracted("b", 2)}
    items = job_folder(tmp_path, sets, optics={"a": OPTICS, "b": OPTICS}, half=2)
    particles, mean = joined(tmp_path, items, ctf="premultiply", dark=True)
    images = np.concatenate([found.images for found in sets.values()])
    np.testing.assert_array_equal(read_particle_images(particles), images)
    np.testing.assert_allclose(mean, images.mean(axis=0), atol=1e-6)
    assert particles.file.tolist() == ["particles/a.mrcs"] * 3 + ["particles/b.mrcs"] * 2
    assert particles.index.tolist() == [0, 1, 2, 0, 1]
    assert particles.optics == (OPTICS,)
    assert particles.half.tolist() == [2] * 5
    assert particles.defocus.shape == (5, 4)
    assert particles.dark
    assert particles.ctf_premultiplied
    assert not particles.phase_flipped


def test_each_microscope_is_a_group(tmp_path):
    other = Optics(voltage_kv=200)
    sets = {name: extracted(name, 1) for name in "abc"}
    items = job_folder(tmp_path, sets, optics={"a": OPTICS, "b": other, "c": OPTICS})
    particles, _ = joined(tmp_path, items)
    assert particles.optics == (OPTICS, other)
    assert particles.optics_group.tolist() == [0, 1, 0]


@pytest.mark.parametrize(("shift", "kept"), [(0.0, False), (0.5, True)])
def test_shifts_that_are_all_zero_are_not_written(tmp_path, shift, kept):
    items = job_folder(tmp_path, {"a": extracted("a", 2, shift=shift)})
    assert (joined(tmp_path, items)[0].shift_angstrom is not None) == kept


def test_a_defocus_that_one_lacks_is_known_of_none(tmp_path):
    sets = {"a": extracted("a", 2), "b": extracted("b", 2, defocus=False)}
    assert joined(tmp_path, job_folder(tmp_path, sets))[0].defocus is None


def test_a_micrograph_without_particles_leaves_no_stack(tmp_path):
    sets = {"a": extracted("a", 0, dropped=2), "b": extracted("b", 2)}
    items = job_folder(tmp_path, sets)
    outcome = collected(tmp_path, items)
    assert [p.name for p in (tmp_path / "particles").iterdir()] == ["b.mrcs"]
    assert outcome.summary["particles_per_micrograph"] == {"a": 0, "b": 2}
    assert outcome.summary["discarded"] == {"edge": 3}


def test_items_that_failed_are_left_out(tmp_path):
    items = job_folder(tmp_path, {"a": extracted("a", 2), "b": extracted("b", 2)})
    (tmp_path / "items" / "a" / "facts.json").unlink()
    outcome = collected(tmp_path, items)
    assert outcome.sentence == "2 particles from 1 micrograph"
    assert read_particles(tmp_path / "particles.star").picks.image.tolist() == ["b", "b"]


def test_no_particles_at_all(tmp_path):
    outcome = collected(tmp_path, job_folder(tmp_path, {"a": extracted("a", 0)}), warnings=["w"])
    assert outcome.warnings == [
        "w",
        "no particles: every box leaves its micrograph; give --border fill",
    ]
    assert (outcome.next_command, list(outcome.plots)) == ("", [])
    assert not (tmp_path / "particles.star").exists()
    assert (tmp_path / outcome.files["discarded"]).is_file()


def test_collecting_twice_gives_the_same(tmp_path):
    items = job_folder(tmp_path, {"a": extracted("a", 2)})
    collected(tmp_path, items)
    first = (tmp_path / "particles.star").read_text()
    collected(tmp_path, items)
    assert (tmp_path / "particles.star").read_text() == first


def test_pixels_are_written_as_asked(tmp_path):
    job_folder(tmp_path, {"a": extracted("a", 2)}, dtype="float16")
    stack = open_image(tmp_path / "items" / "a" / "a.mrcs")
    assert stack.data.dtype == np.float16
    assert stack.pixel_size_angstrom == pytest.approx(4.0)


def test_plots_are_pictures(tmp_path):
    outcome = collected(tmp_path, job_folder(tmp_path, {"a": extracted("a", 5)}))
    particles, mean, grey = outcome.plots
    assert particles.png.startswith(b"\x89PNG")
    assert mean.png.startswith(b"\x89PNG")
    assert grey.svg.count("<circle") == 5
    assert particles.caption == "5 of 5, drawn at random."


@pytest.mark.parametrize(("n", "classes"), [(4, "1"), (300, "30"), (2000, None)])
def test_small_sets_are_sorted_into_few_classes(tmp_path, n, classes):
    words = collected(tmp_path, job_folder(tmp_path, {"a": extracted("a", n)})).next_command.split()
    assert (words[words.index("--classes") + 1] if "--classes" in words else None) == classes


def test_discarded_picks_can_be_read_as_picks(tmp_path):
    picks = delete(Picks.of([[10.0, 20], [30, 40]], image="a"), np.ones(2, bool), reason="edge")
    write_discarded(picks, tmp_path / "d.star", Frame(default_grid=GRID))
    found = read_picks(tmp_path / "d.star", Frame(default_grid=GRID)).picks
    np.testing.assert_allclose(found.position_angstrom, picks.position_angstrom)
    assert found.extra["cryopickReason"].tolist() == ["edge", "edge"]
