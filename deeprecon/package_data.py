"""Files of the package that are not Python: tables, page templates and texts.

Code must name such a file by its full path in the package, as one string such as
"data/downloads.tsv". `provenance.code_digest` searches for these strings, so that jobs rerun when
a file that they read has changed. It cannot find a path that is put together from parts.
"""

from pathlib import Path

FOLDER = Path(__file__).parent


def path(name: str) -> Path:
    """Path of a file in the package.

    Parameters
    ----------
    name : path relative to the package, written in full

    Examples
    --------
    >>> path("data/downloads.tsv").is_file()
    True
    """
    return FOLDER / name
