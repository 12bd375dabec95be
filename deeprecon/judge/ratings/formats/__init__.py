"""The formats of ratings: to add one, write a module with a reader and name it in `FORMATS`.

A file is recognised by its content, not by its name. The first format that fits is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from deeprecon.judge.ratings.formats import jspsych, meadows, own, plain
from deeprecon.judge.ratings.sheets import Rows, Sheet


@dataclass(frozen=True)
class RatingFormat:
    """How one format of ratings is recognised, read and matched to the trials of the study.

    Attributes
    ----------
    description : what it is, for the documentation
    read : reads the rows of a table or of a JSON array, or the single row that a JSON object is
    columns : header names by which a table is recognised; empty if the format is not a table
    json : type of a rater's results in parsed JSON, if the format is JSON
    trials_by : what an answer names: a trial of the key, the pictures it shows, or the
        subject, method and stimuli
    own_schema : whether files name our schema and the position of each trial in its list
    pictures_required : whether answers must say which pictures were shown
    """

    description: str
    read: Callable[[Rows], list[Sheet]]
    columns: frozenset[str] = frozenset()
    json: type[dict] | type[list] | None = None
    trials_by: Literal["id", "pictures", "names"] = "id"
    own_schema: bool = False
    pictures_required: bool = True


FORMATS: dict[str, RatingFormat] = {
    "json": RatingFormat(
        "what the study page saves: a JSON object per rater, or a list of them",
        own.read_page,
        json=dict,
        own_schema=True,
    ),
    "long": RatingFormat(
        "CSV or TSV with our own columns, any number of raters",
        own.read_long,
        columns=frozenset(
            ["schema", "study", "rater", "list", "trial_id", "left", "right", "response", "rt_ms"]
        ),
        own_schema=True,
    ),
    "jspsych": RatingFormat(
        "trials of jsPsych 6 to 8 that carry our trial_id: a JSON array, or its CSV export",
        jspsych.read,
        columns=frozenset(["trial_type", "trial_index", "time_elapsed", "rt"]),
        json=list,
        pictures_required=False,
    ),
    "meadows": RatingFormat(
        "CSV export of Meadows, whose pictures are named by the opaque ids of the key",
        meadows.read,
        columns=frozenset(["participation", "label", "stim1_name", "stim2_name", "stim3_name"]),
        trials_by="pictures",
    ),
    "plain": RatingFormat(
        "choices named by subject, method and stimuli: data of papers and of older studies",
        plain.read,
        columns=frozenset(["rater", "task", "subject", "method", "target", "foil", "choice"]),
        trials_by="names",
    ),
}
