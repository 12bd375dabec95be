"""Write HDF5 files completely or not at all, and report unreadable files in one line."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from deeprecon.atomic import replacing
from deeprecon.errors import InputError, reason


class _LenientFile(io.FileIO):
    """A file that records the first failed write and pretends that it succeeded.

    HDF5 cannot close a file after a failed write. The interpreter then ends with a segmentation
    fault before it can report the full disk (github.com/h5py/h5py/issues/914).
    """

    failure: OSError | None = None

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Write all of `data`, or nothing if a write has failed before."""
        rest = memoryview(data)
        try:
            while rest and self.failure is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0


@contextmanager
def writing(path: str | os.PathLike[str], *, track_order: bool = False) -> Iterator[h5py.File]:
    """Open an HDF5 file for writing; it appears at `path` if the block succeeds, see `replacing`.

    Parameters
    ----------
    path : HDF5 file
    track_order : whether groups and attributes keep the order of their creation

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
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : HDF5 file
    content : expected content, for messages

    Raises
    ------
    InputError
        If the file is not an HDF5 file or damaged, or does not contain what the block reads.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    # The errors of h5py depend on the kind of damage.
    except (OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        why = reason(error)
        raise InputError(f"{path}: not a readable HDF5 file of {content} ({why})") from None


def strings(dataset: h5py.Dataset) -> list[str]:
    """Read a one-dimensional dataset of strings."""
    return [str(text) for text in dataset.asstr()[:]]
