"""Read a rating file of any format; what it holds is told by its content, not by its name.

=========  ====================================================================================
json       what the study page saves or copies: an object, or a list of them
long       CSV or TSV with our own columns, many raters
jspsych    trials of jsPsych 6, 7 or 8 with our trial_id: a JSON array, or its CSV export
meadows    CSV of Meadows: the pictures' names are the study's opaque ids
plain      rater, task, subject, method, target, foil, choice: data of papers and older studies
=========  ====================================================================================

JATOS stores results of the page or of jsPsych, one in a line or one in a member of an archive.
"""

import os

from deeprecon.judge.sent.formats_archive import SIGNATURES, read_archive
from deeprecon.judge.sent.formats_json import read_json
from deeprecon.judge.sent.formats_table import read_table
from deeprecon.judge.sent.sheets import Contents
from deeprecon.judge.sent.untrusted import Refused, decode, read_bytes

MAX_RATERS = 10_000
FORMATS = ("json", "long", "jspsych", "meadows", "plain")


def read_sheets(path: str | os.PathLike[str]) -> Contents:
    """Answers as a rating file tells them, and the parts of it that are refused.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "answers.txt"
    >>> _ = path.write_text('{"rater": "r001", "trials": [{"trial_id": "t000001"}]}')
    >>> sheet = read_sheets(path).sheets[0]
    >>> sheet.format, sheet.rater, sheet.answers[0].trial_id
    ('json', 'r001', 't000001')
    """
    try:
        data = read_bytes(path)
        contents = read_archive(data, read_text) if data.startswith(SIGNATURES) else read_text(data)
        if len(contents.sheets) > MAX_RATERS:
            raise Refused(
                "too_large", f"found {len(contents.sheets)} raters, expected {MAX_RATERS} at most"
            )
        return contents
    except Refused as refused:
        return Contents(refused=[refused])


def read_text(data: bytes) -> Contents:
    """Sheets of a file that is text: JSON, or a table.

    Raises
    ------
    Refused
    """
    text = decode(data).strip()
    contents = read_json(text) if text.startswith(("{", "[")) else read_table(text)
    if not contents.sheets and not contents.refused:
        raise Refused("no_trials", "found a header alone, expected answers")
    return contents
