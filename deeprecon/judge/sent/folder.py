"""The folder into which a laboratory puts what raters sent."""

import os
from pathlib import Path

from deeprecon.judge.sent.untrusted import ignorable


def rating_files(folder: str | os.PathLike[str]) -> list[Path]:
    """What lies in the folder, by name: all but hidden files and notes of the laboratory.

    Links, folders and the like are among it, so that reading can refuse them aloud. A folder that
    is not there holds nothing.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("r002.json", "r001.json", ".DS_Store", "README.txt"):
    ...     _ = (folder / name).write_text("")
    >>> [file.name for file in rating_files(folder)]
    ['r001.json', 'r002.json']
    >>> rating_files(folder / "none")
    []
    """
    if not Path(folder).is_dir():
        return []
    return sorted(entry for entry in Path(folder).iterdir() if not ignorable(entry.name))
