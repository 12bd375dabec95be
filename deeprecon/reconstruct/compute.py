"""Where and how a reconstruction is computed: device, precision, batch size."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from deeprecon.errors import InputError
from deeprecon.reconstruct.settings import Compute

__all__ = ["Compute", "device_of", "in_batches", "reproducible"]

Part = TypeVar("Part")

logger = logging.getLogger(__name__)


def device_of(name: str = "auto") -> torch.device:
    """The device with a name; `auto` is the best device of this machine.

    Raises
    ------
    InputError
        If this machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((kind for kind, has in there.items() if has), "cpu"))
    if not there.get(name, name == "cpu"):
        raise InputError(f"compute.device: found {name}, but this machine has no such device")
    return torch.device(name)


@contextmanager
def reproducible(precision: str) -> Iterator[None]:
    """Use matrix products of a precision, and GPU algorithms with bit-identical results."""
    before = (
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )
    tf32 = precision == "tf32"
    _set_numerics("high" if tf32 else "highest", tf32, True, False)
    try:
        yield
    finally:
        _set_numerics(*before)


def _set_numerics(matmul: str, tf32: bool, deterministic: bool, fill: bool) -> None:
    """Set torch's switches; torch warns about operations without a deterministic version."""
    torch.set_float32_matmul_precision(matmul)
    torch.backends.cudnn.allow_tf32 = tf32
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


def in_batches(run: Callable[[slice], Part], n: int, batch_size: int) -> list[Part]:
    """Run over slices of at most `batch_size`; halve it when GPU memory runs out."""
    done, parts = 0, []
    while done < n:
        try:
            parts.append(run(slice(done, min(done + batch_size, n))))
        except torch.cuda.OutOfMemoryError:
            if batch_size == 1:
                raise
            torch.cuda.empty_cache()
            batch_size = batch_size // 2
            logger.warning("out of GPU memory: continuing with batches of %d images", batch_size)
            continue
        done += batch_size
    return parts
