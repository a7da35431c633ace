import numpy as np
import pytest

from cryopick.curate.classes.settings import ClassifySettings
from cryopick.jobs import classify_cost as module
from cryopick.jobs.classify_cost import classify_cost
from cryopick.model import Particles, Picks


@pytest.fixture(autouse=True)
def one_machine(monkeypatch):
    monkeypatch.setattr(module, "_operations_per_second", lambda settings: 1e11)
    monkeypatch.setattr(module, "core_count", lambda: 2)


def particles(n=2000, box=64):
    return Particles(
        picks=Picks.of(np.zeros((n, 2)), image="m"),
        file=np.full(n, "a.mrcs"),
        index=np.arange(n),
        pixel_size_angstrom=4.0,
        box_px=box,
    )


def cost(n=2000, box=64, **changes):
    return classify_cost(particles(n, box), ClassifySettings(**{"classes": 20, **changes}))


def test_as_measured():
    # 2,000 particles of 64 px, 20 classes, 10 iterations: 12 s of two cores, 0.6 GB.
    found = cost(iterations=10)
    assert 8 < found.seconds < 25
    assert 0.5e9 < found.memory_bytes < 1.0e9


def test_time_follows_the_work():
    begin, each = module._SECONDS_TO_BEGIN, 10 * module._SECONDS_PER_ITERATION
    whole = cost(iterations=10).seconds - begin - each
    assert cost(iterations=20).seconds - begin - 2 * each == pytest.approx(2 * whole)
    assert cost(n=4000, iterations=10).seconds - begin - each == pytest.approx(2 * whole)
    assert cost(iterations=10, classes=100).seconds - begin - each > 2 * whole
    assert cost(iterations=10, psi_step_deg=3.0).seconds > cost(iterations=10).seconds
    assert cost(iterations=10, offset_range_angstrom=40.0).seconds > cost(iterations=10).seconds
    assert cost(iterations=10, resolution_limit_angstrom=20.0).seconds - begin - each < whole / 2


def test_batches_save_all_but_the_last_iteration():
    begin, each = module._SECONDS_TO_BEGIN, 10 * module._SECONDS_PER_ITERATION
    whole = cost(iterations=10).seconds - begin - each
    part = cost(iterations=10, batch_size=200).seconds - begin - each
    assert part == pytest.approx(whole * (2000 + 9 * 200) / 20000)
    assert cost(iterations=10, batch_size=9999).seconds - begin - each == pytest.approx(whole)


def test_memory_follows_images_and_classes():
    assert cost(n=102_000).memory_bytes - cost(n=2048).memory_bytes > 99_000 * 64 * 64 * 4
    assert cost(classes=200).memory_bytes > cost(classes=20).memory_bytes + 50e6


def test_the_speed_of_the_machine_is_measured(monkeypatch):
    monkeypatch.undo()
    rates = {
        p: module._operations_per_second(ClassifySettings(precision=p))
        for p in ("float32", "bfloat16", "auto")
    }
    assert rates["auto"] == max(rates["float32"], rates["bfloat16"]) > 1e6
