"""Everything that raters can be asked about the reconstructions of a study.

A question concerns one reconstruction, or two that are compared. Together with a foil and sides it
becomes a trial (`deeprecon.judge.trials`). There are three tasks:

- identification: a reconstruction is shown on top; below are its original and another image of
  the same set (Shen et al. 2019).
- colour_shape: the same, with a foil that differs from the original only in colour or only in
  shape. It shows which of the two people recognise.
- preference: an original is shown on top; below are two reconstructions of it, by different
  methods or from different regions.

A catch trial has an obvious answer: the picture on top is also one of the two below.
"""

import itertools
import logging
from collections.abc import Sequence

import pandas as pd

from deeprecon.errors import InputError
from deeprecon.judge.settings import TaskSettings

NONE = "n/a"

SHOWN = ["subject", "roi", "method", "set"]
"""Columns that identify the reconstructions of a set."""
CONDITION = ["subject", "roi", "foil_roi", "method", "foil_method", "set", "aspect"]
"""Columns that identify a condition, for which results are computed."""
QUESTION = [*CONDITION, "target"]
IMAGE_COLUMNS = [*SHOWN, "stimulus_id", "true_file", "recon_file"]

logger = logging.getLogger(__name__)


def selected(task: TaskSettings, images: pd.DataFrame) -> pd.DataFrame:
    """The rows of `images` that a task is about."""
    wanted = images["method"].isin(task.methods) & images["roi"].isin(task.rois)
    if task.sets is not None:
        wanted &= images["set"].isin(task.sets)
    return images[wanted]


def check_images(images: pd.DataFrame) -> None:
    """Check that a table of reconstructions is complete and unambiguous.

    Raises
    ------
    InputError
    """
    missing = [column for column in IMAGE_COLUMNS if column not in images]
    if missing:
        raise InputError(f"images: no column {missing[0]!r}; found {list(images.columns)}")
    if images.empty:
        raise InputError("images: found no reconstructions, expected at least two in a set")
    for column in IMAGE_COLUMNS:
        empty = images.index[images[column].isna() | (images[column].astype(str) == "")]
        if len(empty):
            raise InputError(f"images: row {empty[0]}: no value in column {column!r}")
    twice = images[images.duplicated([*SHOWN, "stimulus_id"])]
    if len(twice):
        row = twice.iloc[0][[*SHOWN, "stimulus_id"]].tolist()
        raise InputError(f"images: found reconstruction {'/'.join(map(str, row))} more than once")
    originals = images[["set", "stimulus_id", "true_file"]].drop_duplicates()
    second = originals[originals.duplicated(["set", "stimulus_id"])]
    if len(second):
        name, stimulus, file = second.iloc[0].tolist()
        raise InputError(
            f"images: set {name!r}, stimulus {stimulus!r}: found a second original {file}, "
            "expected one"
        )


def questions(task: TaskSettings, images: pd.DataFrame) -> pd.DataFrame:
    """All questions of a task.

    Parameters
    ----------
    task : TaskSettings
    images : DataFrame
        One row per reconstruction: subject, roi, method, set, stimulus_id, true_file, recon_file;
        for colour_shape also colour and shape ("n/a" in sets without them).

    Returns
    -------
    DataFrame
        Columns QUESTION and `rivals`: a tuple of the target and the stimuli that can be its foil;
        in a preference only the target.

    Raises
    ------
    InputError
        If the task has no questions.

    Examples
    --------
    >>> rows = [("sub-01", "VC", "x", "letters", s, f"{s}.png", f"r{s}.png") for s in "AB"]
    >>> task = TaskSettings(task="identification", methods=["x"], rois=["VC"])
    >>> asked = questions(task, pd.DataFrame(rows, columns=IMAGE_COLUMNS))
    >>> asked[["method", "target", "rivals"]].to_numpy().tolist()
    [['x', 'A', ('A', 'B')], ['x', 'B', ('A', 'B')]]
    """
    chosen = selected(task, images)
    if chosen.empty:
        raise InputError(
            f"{task.task}: no reconstructions by {', '.join(task.methods)} from "
            f"{', '.join(task.rois)}"
        )
    if task.task == "preference":
        return _preferences(chosen)
    own = chosen[[*SHOWN, "stimulus_id"]].rename(columns={"stimulus_id": "target"})
    return _asked(task, own.assign(foil_roi=NONE, foil_method=NONE), chosen)


def catches(task: TaskSettings, images: pd.DataFrame) -> pd.DataFrame:
    """All catch trials of a task, in the same form as its questions.

    In identification and colour_shape an original replaces its reconstruction on top. In a
    preference the original is shown below as well, beside one of its reconstructions.
    """
    chosen = selected(task, images)
    if task.task == "preference":
        foils = chosen.rename(
            columns={"roi": "foil_roi", "method": "foil_method", "stimulus_id": "target"}
        ).assign(roi=NONE, method=NONE, aspect=NONE)
        return _with_rivals(foils[QUESTION], [(name,) for name in foils["target"]])
    originals = chosen[["set", "stimulus_id"]].drop_duplicates()
    own = originals.rename(columns={"stimulus_id": "target"}).assign(
        subject=NONE, roi=NONE, method=NONE, foil_roi=NONE, foil_method=NONE
    )
    return _asked(task, own, chosen)


def _asked(task: TaskSettings, own: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Add the rivals of each question; targets without a foil are left out."""
    if task.task == "identification":
        rivals = _rivals(images, ["set"])
        parts = [_with_rivals(own.assign(aspect=NONE), [rivals[key] for key in _keys(own)])]
    else:
        parts = []
        for aspect, same in (("colour", "shape"), ("shape", "colour")):
            rivals = _rivals(_coloured_shapes(images), ["set", same])
            own_rivals = [rivals.get(key, ()) for key in _keys(own)]
            parts.append(_with_rivals(own.assign(aspect=aspect), own_rivals))
    asked = pd.concat(parts, ignore_index=True)
    few = asked[asked["rivals"].map(len) < 2]
    if len(few) and task.sets is not None and task.task == "identification":
        raise InputError(
            f"images: set {few['set'].iloc[0]!r} has 1 stimulus, expected at least 2 (one is the "
            "foil)"
        )
    for name in few["set"].unique():
        logger.warning("%s: left out targets that have no foil in set %r", task.task, name)
    asked = asked.drop(index=few.index).reset_index(drop=True)
    if asked.empty:
        raise InputError(
            f"{task.task}: found no set with two stimuli to choose from"
            if task.task == "identification"
            else "colour_shape: found no set of coloured shapes, such as artificial of ds001506"
        )
    return asked[[*QUESTION, "rivals"]]


def _with_rivals(asked: pd.DataFrame, rivals: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    return asked.assign(rivals=pd.Series(rivals, index=asked.index, dtype=object))


def _keys(own: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(own["set"], own["target"], strict=True))


def _rivals(images: pd.DataFrame, same: list[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """(set, stimulus) -> all stimuli that share the columns `same` with it, including itself."""
    originals = images[[*dict.fromkeys(["set", "stimulus_id", *same])]].drop_duplicates()
    found = {}
    for _, part in originals.groupby(same, sort=False):
        ids = tuple(part["stimulus_id"])
        found.update(dict.fromkeys(zip(part["set"], ids, strict=True), ids))
    return found


def _coloured_shapes(images: pd.DataFrame) -> pd.DataFrame:
    """Rows that have a colour and a shape."""
    if not {"colour", "shape"} <= set(images):
        return images.assign(colour=NONE, shape=NONE).iloc[:0]
    return images[(images["colour"] != NONE) & (images["shape"] != NONE)]


def _preferences(images: pd.DataFrame) -> pd.DataFrame:
    """Each pair of conditions of a subject, for every image that both reconstruct."""
    rows = []
    for (subject, name), part in images.groupby(["subject", "set"], sort=False):
        of = {
            condition: list(ids)
            for condition, ids in part.groupby(["roi", "method"], sort=False)["stimulus_id"]
        }
        for (a, first), (b, second) in itertools.combinations(of.items(), 2):
            known = set(second)
            rows += [
                (subject, a[0], b[0], a[1], b[1], name, NONE, target)
                for target in first
                if target in known
            ]
    if not rows:
        raise InputError(
            "preference: found no image with two reconstructions, expected two methods or two ROIs"
        )
    asked = pd.DataFrame(rows, columns=QUESTION)
    return _with_rivals(asked, [(target,) for target in asked["target"]])
