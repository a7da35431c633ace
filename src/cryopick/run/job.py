"""`Job`: the one declaration behind the command line, the web form, the call and the record.

A job is a frozen model of parameters and three functions. ``plan`` says what will be done, one
`Item` per micrograph, tomogram or batch; ``work`` does one item and writes its results into the
item's own folder; ``collect`` joins the items. ``work`` is deterministic and safe to run twice, so
a killed worker costs at most the item in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from cryopick.run.machine import free_bytes


class Params(BaseModel):
    """Base of every job's parameters: frozen, complete, nothing unknown accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def param(
    default: Any = ...,
    *,
    description: str,
    unit: str = "",
    advanced: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    flag: str = "",
) -> Any:
    """Declare one parameter: its default, its meaning, its unit and its bounds.

    ``advanced`` parameters are grouped apart in ``--help`` and folded away in the web form.
    ``flag`` names the option of the command line (``--voltage-kv``) where the one derived from
    the field's name, without its unit, is not the one wanted.
    """
    return Field(
        default,
        description=description,
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        json_schema_extra={"unit": unit, "advanced": advanced, "flag": flag},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one item is expected to take on one worker."""

    memory_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of a job.

    Attributes
    ----------
    id
        Unique in the job and fit for a folder name.
    inputs
        Files and values that ``work`` needs, as JSON types.
    cost
        Expected cost, for ``--dry-run`` and for the time left.
    """

    id: str
    inputs: Mapping[str, Any]
    cost: Cost


def _nobody_listens(fraction: float) -> None:
    """Take the progress of an item that nobody asked about."""


_NOT_GIVEN = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Where an item is worked on, and with what.

    The result must depend on none of it but ``seed`` (and on ``device`` as far as devices round
    differently).

    Attributes
    ----------
    folder
        A fresh temporary folder: ``work`` writes all its files here. It is synced and renamed to
        the item's folder once ``work`` has returned.
    device
        ``cpu`` or ``cuda:N``.
    seed
        Seed of this item, derived from the job's seed and the item's id.
    cores
        How many threads ``work`` may keep busy at once, each of them single-threaded in its
        libraries: `cryopick.ops.threads.in_threads`.
    memory_bytes
        What this item may use.
    checkpoints
        A folder of this item alone, for what a second try can go on from. It outlives a killed
        worker, a killed driver and a failure; it goes once the item is done, and when the job is
        resumed with other inputs or another version. It is not there until ``work`` makes it
        (``mkdir(parents=True, exist_ok=True)``); write files into it whole, by
        `cryopick.io.atomic`. Where it is not given it lies in ``folder``.
    progress
        ``progress(fraction)`` tells how far the item is, from 0 to 1. The first call tells where
        it starts: 0, or the share that the checkpoints already held. Any thread may call it, as
        often as it likes; it is passed on at most twice a second.

    Examples
    --------
    >>> worker = Worker(folder=Path("part"), device="cpu", seed=1)
    >>> worker.progress(0.5)
    >>> worker.cores, worker.checkpoints.is_relative_to(worker.folder)
    (1, True)
    """

    folder: Path
    device: str
    seed: int
    cores: int = 1
    memory_bytes: int = field(default_factory=free_bytes)
    checkpoints: Path = _NOT_GIVEN
    progress: Callable[[float], None] = _nobody_listens

    def __post_init__(self) -> None:
        if self.checkpoints == _NOT_GIVEN:
            object.__setattr__(self, "checkpoints", self.folder / ".checkpoints")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One figure of a report.

    Attributes
    ----------
    title, caption
        Words above and below it.
    svg
        A whole ``<svg>`` element; or None where ``png`` is given.
    png
        PNG bytes; or None.
    """

    title: str
    caption: str = ""
    svg: str | None = None
    png: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What ``collect`` hands back.

    Attributes
    ----------
    summary
        Counts, thresholds and the like, as JSON types; becomes ``summary.json``.
    sentence
        The result in words: ``1,204 picks from 20 micrographs``.
    files
        Files written into the job folder, by what they are (``picks``, ``images``...).
    plots
        Figures for ``report.html``.
    warnings
        One sentence each.
    next_command
        The command a user would give next.
    """

    summary: Mapping[str, Any]
    sentence: str
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    plots: Sequence[Plot] = ()
    warnings: Sequence[str] = ()
    next_command: str = ""


P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[P]):
    """The declaration.

    Attributes
    ----------
    name
        Words of the command: ``pick log``.
    title
        One line for ``--help``.
    params
        The parameter model. Positional arguments of the command are the fields named in
        ``arguments``, in order.
    plan
        ``plan(params) -> items``; cheap: reads headers, not pixels.
    work
        ``work(item, params, worker)``: science on one item. Raises a `CryopickError` for an item
        that cannot be done; the other items go on.
    collect
        ``collect(folder, items, params) -> Outcome``; reads ``folder/"items"/item.id`` of the
        items that are done, and writes the joined outputs into ``folder``.
    arguments
        Names of the positional fields.
    example
        A command line for ``--help``.
    uses_gpu
        Whether ``work`` can compute on a GPU. Where it cannot, ``--device auto`` is the CPU, so
        that all cores are used on a machine with one GPU.
    preload
        Modules that ``work`` imports on its way on the CPU: imported once for all workers, which
        are forked from there. Importing one must start no thread.
    """

    name: str
    title: str
    params: type[P]
    plan: Callable[[P], list[Item]]
    work: Callable[[Item, P, Worker], None]
    collect: Callable[[Path, Sequence[Item], P], Outcome]
    arguments: tuple[str, ...] = ()
    example: str = ""
    uses_gpu: bool = True
    preload: tuple[str, ...] = ()
