"""Where and how a reconstruction is computed: device, precision, size of batches."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from deeprecon.errors import InputError

Part = TypeVar("Part")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compute:
    """How to compute; affects results only by rounding.

    Attributes
    ----------
    device : auto (CUDA, else Apple's GPU, else the processor) | cpu | cuda | mps
    precision : float32; tf32 (NVIDIA's shorter products); bfloat16 (network only)
    batch_size : images optimised together; halved when the GPU is full
    compile : whether the network goes through torch.compile, which takes a minute first
    """

    device: str = "auto"
    precision: str = "float32"
    batch_size: int = 50
    compile: bool = False


def device_of(name: str = "auto") -> torch.device:
    """The device of that name; `auto` takes the best that this machine has.

    Raises
    ------
    InputError
        If the device that is asked for is not here.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((kind for kind, has in there.items() if has), "cpu"))
    if not there.get(name, name == "cpu"):
        raise InputError(f"compute.device: {name} is asked for, but this machine has none")
    return torch.device(name)


@contextmanager
def reproducible(precision: str) -> Iterator[None]:
    """Products of the stated precision, and GPU algorithms that give the same bits each time."""
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
    """Set torch's switches; it warns of an algorithm that has no deterministic version."""
    torch.set_float32_matmul_precision(matmul)
    torch.backends.cudnn.allow_tf32 = tf32
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


def in_batches(run: Callable[[slice], Part], n: int, batch_size: int) -> list[Part]:
    """Run over slices of at most `batch_size`; on a full GPU halve the batch and go on."""
    done, parts = 0, []
    while done < n:
        try:
            parts.append(run(slice(done, min(done + batch_size, n))))
        except torch.cuda.OutOfMemoryError:
            if batch_size == 1:
                raise
            torch.cuda.empty_cache()
            batch_size = batch_size // 2
            logger.warning("out of GPU memory: going on with batches of %d images", batch_size)
            continue
        done += batch_size
    return parts
