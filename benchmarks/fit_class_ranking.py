"""Fit the weights of the class ranking on simulated particles and rubbish, and test them on others.

    python benchmarks/fit_class_ranking.py [--sets 8] [--held-out 3] [--cores 2]

Every set holds projections of a random lobed particle (with CTF and noise, some of them among
neighbours) and pure noise, ice, edges of carbon, and heaps of particles; it is classified by cryopick. A class is good where at
least `GOOD_SHARE` of its particles are whole single particles. The weights are a logistic regression with a small
penalty, fitted on some sets; figures are of the sets held out. Prints the weights as they stand in
``src/cryopick/curate/classes/ranking.py`` and writes results/fit_class_ranking.json.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.classify import classify
from cryopick.curate.classes.ctf_table import ParticleCtf
from cryopick.curate.classes.features import FEATURES, class_features
from cryopick.curate.classes.ranking import WEIGHTS, Weights, scaled, scores
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image
from measuring.result_file import write_result

BOX, PIXEL = 48, 5.0
DIAMETER = 170.0
PARTICLES, CLASSES, ITERATIONS = 420, 12, 8
GOOD_SHARE = 0.6
PENALTY = 1.0
# What each of `FEATURES` must mean: more of it is good, or bad.
SIGNS = np.array([1, 1, -1, 1, -1, 1, 1, 1])
OPTICS = Optics(amplitude_contrast=0.1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedSet:
    """Images, what each is, and the CTFs."""

    images: NDArray[np.float32]
    good: NDArray[np.bool_]
    ctf: ParticleCtf


def cloud(rng: np.random.Generator) -> NDArray[np.float64]:
    """``(m, 4)`` x, y, z in Å and height of the balls of a random particle of three lobes."""
    parts = []
    for size in (26.0, 20.0, 14.0):
        centre = rng.normal(size=3)
        centre *= rng.uniform(15, 40) / np.linalg.norm(centre)
        parts.append(centre + rng.normal(scale=size / 2, size=(int(size), 3)))
    points = np.concatenate(parts)
    points -= points.mean(0)
    return np.column_stack([points, rng.uniform(0.6, 1.4, len(points))])


def projection(
    points: NDArray[np.float64],
    rng: np.random.Generator,
    centre_px: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float64]:
    """Project at a random orientation, with a small shift."""
    basis, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    place = points[:, :3] @ basis[:, :2] / PIXEL + rng.normal(scale=0.8, size=2) + centre_px
    line = np.arange(BOX) - BOX // 2
    x, y = (np.exp(-0.5 * ((line[None] - place[:, i, None]) / 1.2) ** 2) for i in (0, 1))
    return (y * points[:, 3:]).T @ x


def among_neighbours(
    points: NDArray[np.float64], rng: np.random.Generator, neighbours: float
) -> NDArray[np.float64]:
    """One particle, and on average so many more beside it that at the nearest touch it."""
    width_px = 2 * np.quantile(np.hypot(*points[:, :2].T), 0.95) / PIXEL
    image = projection(points, rng)
    angle = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.poisson(neighbours)):
        angle += rng.uniform(np.pi / 3, np.pi)
        away = rng.uniform(1.1, 1.7) * width_px
        image += projection(points, rng, (away * np.cos(angle), away * np.sin(angle)))
    return image


def simulated_set(seed: int) -> SimulatedSet:
    """Make one set; sets differ in particle, noise and share of rubbish."""
    rng = np.random.default_rng(seed)
    points = cloud(rng)
    # Particles fill their masks to any degree; that alone must not decide.
    points[:, :3] *= rng.uniform(0.7, 1.4)
    noise = rng.uniform(1.2, 3.0)
    bad_share = rng.uniform(0.2, 0.6)
    crowd = (0.0, 0.5, 2.0)[seed % 3]
    good = rng.random(PARTICLES) >= bad_share
    deltas = np.array([0.9, 1.3, 1.8])[rng.integers(3, size=PARTICLES)]
    ctfs = {
        d: -ctf_image((BOX, BOX), PIXEL, optics=OPTICS, defocus=Defocus(u_um=d, v_um=d))
        for d in (0.9, 1.3, 1.8)
    }
    scale = projection(points, np.random.default_rng(0)).std()
    images = np.empty((PARTICLES, BOX, BOX), np.float32)
    for i in range(PARTICLES):
        image = among_neighbours(points, rng, crowd) if good[i] else rubbish(points, rng)
        image /= scale
        image = np.fft.irfft2(np.fft.rfft2(image) * ctfs[float(deltas[i])], s=(BOX, BOX))
        images[i] = image + noise * rng.normal(size=(BOX, BOX))
    line = np.arange(BOX) - BOX // 2
    around = np.hypot(line[:, None], line[None]) > DIAMETER / PIXEL / 2
    images -= images[:, around].mean(1)[:, None, None]
    images /= images[:, around].std(1)[:, None, None]
    defocus = np.zeros((PARTICLES, 4))
    defocus[:, :2] = deltas[:, None]
    ctf = ParticleCtf(defocus=defocus, optics=(OPTICS,), optics_group=np.zeros(PARTICLES, np.int64))
    return SimulatedSet(images=images, good=good, ctf=ctf)


def rubbish(points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw nothing, a lump of ice, an edge of carbon, or a heap of particles."""
    y, x = np.mgrid[:BOX, :BOX] - BOX / 2.0
    kind = rng.integers(4)
    height = 3 * projection(points, rng).max()
    if kind == 0:
        return np.zeros((BOX, BOX))
    if kind == 1:
        cx, cy = rng.uniform(-15, 15, 2)
        return height * np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(20, 200)))
    if kind == 2:
        angle = rng.uniform(0, 2 * np.pi)
        across = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-8, 8)
        return height / (1 + np.exp(-across))
    heap = np.zeros((BOX, BOX))
    for _ in range(rng.integers(3, 6)):
        heap += projection(points, rng, tuple(rng.normal(scale=6, size=2)))
    return heap


def described(seed: int, cores: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features of the classes of a set that hold particles, and which of them are good."""
    made = simulated_set(seed)
    settings = ClassifySettings(
        classes=CLASSES, iterations=ITERATIONS, mask_diameter_angstrom=DIAMETER, seed=seed
    )
    state = classify(
        made.images, pixel_size_angstrom=PIXEL, settings=settings, ctf=made.ctf, cores=cores
    )
    found = class_features(state, mask_diameter_angstrom=DIAMETER)
    used = state.class_size > 0
    share = np.array([made.good[state.class_index == k].mean() for k in np.flatnonzero(used)])
    return found[used], share >= GOOD_SHARE


def fitted(features: NDArray[np.float64], good: NDArray[np.bool_]) -> Weights:
    """Fit weights; a feature whose weight has not the sign of its meaning is left out."""
    centre, scale = features.mean(0), np.maximum(features.std(0), 1e-6)
    design = scaled(features, centre, scale)
    used = np.ones(len(SIGNS), bool)
    while True:
        found, bias = regression(design[:, used], good)
        wrong = found * SIGNS[used] < 0
        if not wrong.any():
            break
        used[np.flatnonzero(used)[wrong]] = False
    weight = np.zeros(len(SIGNS))
    weight[used] = found
    return Weights(
        centre=tuple(centre.round(4).tolist()),
        scale=tuple(scale.round(4).tolist()),
        weight=tuple(weight.round(4).tolist()),
        bias=round(bias, 4),
    )


def regression(
    design: NDArray[np.float64], good: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of a logistic regression, by Newton's method, with a penalty on the weights."""
    design = np.column_stack([design, np.ones(len(good))])
    penalty = PENALTY * np.diag([1.0] * (design.shape[1] - 1) + [0.0])
    weight = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ weight, -30, 30)))
        slope = design.T @ (good - p) - penalty @ weight
        curve = (design * (p * (1 - p))[:, None]).T @ design + penalty
        step = np.linalg.solve(curve + 1e-9 * np.eye(len(curve)), slope)
        weight += step
        if np.abs(step).max() < 1e-8:
            break
    return weight[:-1], float(weight[-1])


def figures(score: NDArray[np.float64], good: NDArray[np.bool_]) -> dict[str, Any]:
    """Accuracy at 0.5, and the area under the curve of true against false positives."""
    pairs = score[good][:, None] - score[~good][None]
    area = float((pairs > 0).mean() + 0.5 * (pairs == 0).mean()) if pairs.size else None
    return {
        "classes": len(good),
        "good": int(good.sum()),
        "accuracy": round(float(((score >= 0.5) == good).mean()), 3),
        "area_under_curve": None if area is None else round(area, 3),
    }


def main() -> None:
    """Make sets, fit, test, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sets", type=int, default=8)
    parser.add_argument("--held-out", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    found = [described(seed, given.cores) for seed in range(given.sets + given.held_out)]
    train, test = (
        tuple(np.concatenate(column) for column in zip(*part, strict=True))
        for part in (found[: given.sets], found[given.sets :])
    )
    weights = fitted(*train)
    result = {
        "features": list(FEATURES),
        "weights": {name: getattr(weights, name) for name in ("centre", "scale", "weight", "bias")},
        "fitted": figures(scores(train[0], weights), train[1]),
        "held_out": figures(scores(test[0], weights), test[1]),
        "held_out_with_the_weights_in_use": figures(scores(test[0], WEIGHTS), test[1]),
    }
    for name, value in result.items():
        print(f"{name}: {value}")
    print(f"WEIGHTS = {weights}")
    write_result("fit_class_ranking", result)


if __name__ == "__main__":
    main()
