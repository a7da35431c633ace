"""What ``classify`` leaves behind while it runs: its state, and pictures to look at.

::

    OUT/checkpoints/classes/     while it runs; moved to OUT/items/classes/ at the end
      state.npz                  all that the next iteration goes on from
      history.json               one entry per iteration
      classes_it001.png          the class averages, the largest class first
      classes_it001.mrcs         the same as a stack, in the order of their numbers
      live.html                  the newest picture; reloads itself
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.curate.classes.state import ClassState, state_of_arrays
from cryopick.errors import CryopickError
from cryopick.io.atomic import atomic_open, write_bytes, write_text
from cryopick.io.images import write_mrc
from cryopick.jobs.gallery import gallery_png

STATE = "state.npz"
HISTORY = "history.json"
LIVE = "live.html"
_RELOAD_SECONDS = 5


class Journal:
    """Keeps the state and the pictures of a classification in a folder, iteration by iteration.

    Parameters
    ----------
    folder
        It is made when the first state comes.
    iterations
        How many there will be.
    pictures_every
        Iterations between pictures; the last always gets one.
    """

    def __init__(self, folder: Path, *, iterations: int, pictures_every: int = 1) -> None:
        self._folder = folder
        self._iterations = iterations
        self._every = pictures_every

    def last(self) -> ClassState | None:
        """The state that an earlier try left; None where there is none that can be read."""
        return load_state(self._folder / STATE)

    def history(self) -> list[dict[str, Any]]:
        """One entry for each iteration that is done."""
        return read_history(self._folder / HISTORY)

    def add(self, state: ClassState) -> None:
        """Write down the state after an iteration."""
        self._folder.mkdir(parents=True, exist_ok=True)
        done = [entry for entry in self.history() if entry["iteration"] < state.iteration]
        history = [*done, _entry(state)]
        write_text(self._folder / HISTORY, json.dumps(history, indent=1, allow_nan=False))
        if state.iteration % self._every == 0 or state.iteration >= self._iterations:
            self._draw(state)
            write_text(self._folder / LIVE, live_page(history, self._iterations, _stem(state)))
        # Last: an iteration whose state is here has all the rest, too.
        save_state(state, self._folder / STATE)

    def move(self, target: Path) -> None:
        """Move everything into another folder: the classification has ended."""
        for path in sorted(self._folder.iterdir()):
            if not path.name.startswith(".") and path.name != LIVE:
                shutil.copy2(path, target / path.name)

    def _draw(self, state: ClassState) -> None:
        stem = self._folder / _stem(state)
        write_mrc(
            stem.with_suffix(".mrcs"),
            state.average,
            state.pixel_size_angstrom,
            dtype="float16",
            stack=True,
        )
        size = state.class_size
        order = np.argsort(-size, kind="stable")
        captions = [f"{k + 1}: {size[k]:,}" for k in order.tolist()]
        write_bytes(stem.with_suffix(".png"), gallery_png(state.average[order], captions=captions))


def save_state(state: ClassState, path: Path) -> None:
    """Write a state whole."""
    with atomic_open(path, "wb") as file:
        np.savez(file, allow_pickle=False, **state.arrays())


def load_state(path: Path) -> ClassState | None:
    """Read a state; None where there is none, or none of this version."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return state_of_arrays(dict(arrays))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, CryopickError):
        return None


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read what the iterations came to; empty where there were none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return []


def live_page(history: Sequence[dict[str, Any]], iterations: int, stem: str) -> str:
    """Give a page that shows the newest picture and loads itself again.

    Examples
    --------
    >>> entry = {"iteration": 2, "changed": 0.25, "best_resolution_angstrom": 14.0,
    ...          "populated": 9, "mean_best_probability": 0.5}
    >>> "iteration 2 of 25" in live_page([entry], 25, "classes_it002")
    True
    """
    entry = history[-1]
    words = [f"{entry['populated']} classes with particles"]
    if entry["best_resolution_angstrom"] is not None:
        words.append(f"best resolution {entry['best_resolution_angstrom']:.1f} Å")
    words.append(f"{entry['changed']:.1%} of the particles changed their class")
    title = f"iteration {entry['iteration']} of {iterations}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="refresh" content="{_RELOAD_SECONDS}">\n'
        f"<title>classify: {title}</title>\n"
        "<style>body{font-family:sans-serif;margin:2em}img{max-width:100%}</style>\n"
        f"</head>\n<body>\n<h1>{title}</h1>\n<p>{escape(', '.join(words))}</p>\n"
        f'<img alt="class averages" src="{stem}.png">\n</body>\n</html>\n'
    )


def _stem(state: ClassState) -> str:
    return f"classes_it{state.iteration:03d}"


def _entry(state: ClassState) -> dict[str, Any]:
    best = float(np.min(state.resolution_angstrom))
    looked = np.isfinite(state.log_likelihood)
    return {
        "iteration": state.iteration,
        "changed": float(state.changed),
        "populated": int(np.sum(state.class_size > 0)),
        "best_resolution_angstrom": best if np.isfinite(best) else None,
        "used_resolution_angstrom": _ring_angstrom(state),
        "mean_best_probability": float(np.mean(state.probability[looked])) if looked.any() else 0.0,
        "mean_log_likelihood": float(np.mean(state.log_likelihood[looked]))
        if looked.any()
        else 0.0,
    }


def _ring_angstrom(state: ClassState) -> float:
    """Finest detail that the next iteration uses."""
    return state.average.shape[-1] * state.pixel_size_angstrom / max(state.band_px, 1)
