"""Division of the units of a layer among threads."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

T = TypeVar("T")
U = TypeVar("U")


def consecutive(n_units: int, per_block: int) -> list[slice]:
    """Slices of `per_block` units that cover all units; the last may be shorter."""
    starts = range(0, n_units, per_block)
    return [slice(start, min(start + per_block, n_units)) for start in starts]


def in_threads(
    work: Callable[[U], T], portions: Sequence[U], n_jobs: int | None = None
) -> Iterator[T]:
    """Apply `work` to each portion in threads, and yield the results in order.

    BLAS uses one thread meanwhile: systems of a few hundred voxels are too small for more, and so
    results do not depend on `n_jobs`.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        parallel = Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
        results: Iterable[T] = parallel(delayed(work)(portion) for portion in portions)
        yield from results
