"""Threads that share the units of a layer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

T = TypeVar("T")
U = TypeVar("U")


def consecutive(n_units: int, per_block: int) -> list[slice]:
    """Slices of units, the portions of the work."""
    starts = range(0, n_units, per_block)
    return [slice(start, min(start + per_block, n_units)) for start in starts]


def in_threads(
    work: Callable[[U], T], portions: Sequence[U], n_jobs: int | None = None
) -> Iterator[T]:
    """Do `work` for each portion, in threads, and yield what it returns, in order.

    BLAS has one thread meanwhile: systems of a few hundred voxels are too small to share among
    threads, and results do not depend on `n_jobs`.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        parallel = Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
        results: Iterable[T] = parallel(delayed(work)(portion) for portion in portions)
        yield from results
