"""HDF5 files: written whole or not at all, and read with one line on what is wrong with them."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from deeprecon.atomic import replacing
from deeprecon.errors import InputError, reason


class _LenientFile(io.FileIO):
    """A file that takes note of the first write that fails, and goes on.

    HDF5 cannot close a file after a failed write; the interpreter dies of a segmentation fault,
    and with it all that would tell of the full disk (github.com/h5py/h5py/issues/914).
    """

    failure: OSError | None = None

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Write all of `data`, or nothing more once the disk is full."""
        rest = memoryview(data)
        try:
            while rest and self.failure is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Give the file a length."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0


@contextmanager
def writing(path: str | os.PathLike[str], *, track_order: bool = False) -> Iterator[h5py.File]:
    """An HDF5 file to write, which appears at `path` if the block succeeds: see `replacing`.

    Parameters
    ----------
    path : HDF5 file
    track_order : whether groups and attributes keep the order in which they are made

    Raises
    ------
    OSError
        If the file cannot be written, such as on a full disk.
    """
    with replacing(path) as temporary, _LenientFile(temporary, "w+") as disk:
        try:
            with h5py.File(disk, "w", track_order=track_order) as file:
                yield file
        except Exception:
            if disk.failure is None:
                raise
        if disk.failure is not None:
            raise disk.failure


@contextmanager
def reading(path: str | os.PathLike[str], content: str) -> Iterator[h5py.File]:
    """An HDF5 file to read.

    Parameters
    ----------
    path : HDF5 file
    content : what it should hold, for messages

    Raises
    ------
    InputError
        If the file is no HDF5 file or damaged, or the block does not find in it what it needs.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    # What h5py raises of a damaged file depends on where the damage is.
    except (OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        why = reason(error)
        raise InputError(f"{path}: not a readable HDF5 file of {content} ({why})") from None


def strings(dataset: h5py.Dataset) -> list[str]:
    """The strings of a dataset of one axis."""
    return [str(text) for text in dataset.asstr()[:]]
