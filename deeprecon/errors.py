"""The one exception that a user of bad input meets, and the words for those of the system."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """A file, table or setting is not what the stage needs.

    The message is one line that names the file (or setting), the row or key, what was found and
    what was expected. The workflow's scripts print it without a traceback.
    """


def reason(error: Exception) -> str:
    """One line that says what went wrong, of exceptions that nibabel, h5py and the system raise.

    HDF5 wraps the words of the system into a report of several lines, with addresses in memory.

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
    """Put the file that the work is about before the line of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
