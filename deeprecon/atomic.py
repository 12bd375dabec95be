"""Write to a temporary file, then rename it, so that a killed job leaves no incomplete file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    r"""Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    Missing folders are created. The temporary name keeps the suffixes of `path`, because libraries
    such as nibabel and Pillow choose the format by them. If the block raises, the temporary file is
    removed and `path` is unchanged. System errors that name no other file, such as a full disk,
    are raised with the name `path`.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "scores.tsv"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("metric\tvalue\n")
    >>> target.read_text()
    'metric\tvalue\n'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
