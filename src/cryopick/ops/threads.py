"""Several tasks at a time on the cores of one item, each task single-threaded.

A sum that a library splits over threads rounds by their number. So the tasks are cut by the caller,
the same for any number of cores, and each is computed by one thread: results are bit for bit
those of one core.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_threads(function: Callable[[T], R], tasks: Iterable[T], *, cores: int) -> list[R]:
    """Call a function on each task, as many at a time as there are cores.

    torch computes with one thread inside the function, for one core too; what it was set to is
    restored afterwards.

    Parameters
    ----------
    function
        Must be safe to be called from several threads.
    tasks
        Begun in their order.
    cores
        Threads; one or less, or a single task, is worked on in the calling thread.

    Returns
    -------
    list
        The results in the order of the tasks.

    Raises
    ------
    BaseException
        What ``function`` raised, of the first such task. No further task is begun; those that
        run are waited for, so that none goes on behind the caller's back. Not so for a Ctrl-C of
        the user: it comes through at once.

    Examples
    --------
    >>> in_threads(lambda number: number**2, [3, 1, 2], cores=2)
    [9, 1, 4]
    """
    todo = list(tasks)
    with _one_thread_each():
        if cores <= 1 or len(todo) <= 1:
            return [function(task) for task in todo]
        # Not as its own context: that would wait for all tasks when it is interrupted.
        pool = ThreadPoolExecutor(min(cores, len(todo)), initializer=_be_single)
        try:
            return _results([pool.submit(function, task) for task in todo], pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _results(futures: list[Future[R]], pool: ThreadPoolExecutor) -> list[R]:
    wait(futures, return_when=FIRST_EXCEPTION)
    if any(future.done() and future.exception() for future in futures):
        pool.shutdown(wait=True, cancel_futures=True)
        raise next(
            error
            for future in futures
            if not future.cancelled() and (error := future.exception()) is not None
        )
    return [future.result() for future in futures]


def _be_single() -> None:
    import torch

    torch.set_num_threads(1)


@contextmanager
def _one_thread_each() -> Generator[None]:
    import torch

    # Restored also after a pool: a thread's setting is what threads made later begin with.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
