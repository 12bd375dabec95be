"""The exception for bad input, and short descriptions of other exceptions."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Bad input: a file, table or setting is not what a stage needs.

    The message is one line that names the file (or setting), the row or key, what was found and
    what was expected. The scripts of the workflow print it without a traceback.
    """


def reason(error: Exception) -> str:
    """Describe an exception of nibabel, h5py or the system in one line.

    HDF5 wraps system errors in a report of several lines with memory addresses.

    Examples
    --------
    >>> reason(OSError(28, "No space left on device", "samples/sub-01.h5"))
    'samples/sub-01.h5: No space left on device'
    >>> reason(OSError("Can't write (errno = 5, error message = 'Input/output error', buf = 0x1)"))
    'Input/output error'
    """
    said = re.search(r"error message = '([^']*)'", str(error))
    if said:
        return said[1]
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def about(path: str | os.PathLike[str]) -> Iterator[None]:
    """Prefix the message of an InputError with the file concerned."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
