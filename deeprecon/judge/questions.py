"""What raters can be asked about the reconstructions of a study.

A question is a reconstruction (or two of them) that is to be judged. With a foil and with sides it
becomes a trial (`deeprecon.judge.trials`). There are three tasks:

- identification: a reconstruction on top; below, its own original and another of the same set
  (Shen et al. 2019).
- colour_shape: the same, with a foil that differs from the original in colour alone or in shape
  alone: which of the two do people see?
- preference: an original on top; below, two reconstructions of it by different methods or from
  different regions.

A catch has a certain answer: the picture on top is also one of the two below.
"""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from deeprecon.errors import InputError

TaskName = Literal["identification", "preference", "colour_shape"]
TASKS: tuple[str, ...] = get_args(TaskName)
NONE = "n/a"
FEWEST_TRIALS = 10

SHOWN = ["subject", "roi", "method", "set"]
"""What names the reconstructions of a set."""
CONDITION = ["subject", "roi", "foil_roi", "method", "foil_method", "set", "aspect"]
"""What a result is computed for."""
QUESTION = [*CONDITION, "target"]
IMAGE_COLUMNS = [*SHOWN, "stimulus_id", "true_file", "recon_file"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What is asked, about which reconstructions, how often.

    Attributes
    ----------
    task : one of TASKS
    methods, rois : names; every reconstruction of a method in a region is judged
    sets : names of stimulus sets; None for all in which the task can be asked
    trials : number in each list, catches and repeats included; not with `pairs="all"`
    pairs : {"sampled", "all"}
        "all" is the way of Shen et al. (2019): every original of a set is the foil of every
        reconstruction once, and these comparisons are split over the raters.
    """

    task: TaskName
    methods: Sequence[str]
    rois: Sequence[str]
    sets: Sequence[str] | None = None
    trials: int = 150
    pairs: Literal["sampled", "all"] = "sampled"

    def __post_init__(self) -> None:
        """Refuse what no list can be made of."""
        if self.task not in TASKS:
            raise InputError(f"task: found {self.task!r}, expected one of {', '.join(TASKS)}")
        if self.trials < FEWEST_TRIALS:
            raise InputError(
                f"{self.task}: found {self.trials} trials, expected at least {FEWEST_TRIALS}"
            )

    def select(self, images: pd.DataFrame) -> pd.DataFrame:
        """The rows of `images` that this task is about."""
        wanted = images["method"].isin(self.methods) & images["roi"].isin(self.rois)
        if self.sets is not None:
            wanted &= images["set"].isin(self.sets)
        return images[wanted]


def check_images(images: pd.DataFrame) -> None:
    """Refuse a table of reconstructions from which no fair trials can be made."""
    missing = [column for column in IMAGE_COLUMNS if column not in images]
    if missing:
        raise InputError(f"images: no column {missing[0]!r}; found {list(images.columns)}")
    if images.empty:
        raise InputError("images: no reconstructions, expected at least two of a set")
    for column in IMAGE_COLUMNS:
        empty = images.index[images[column].isna() | (images[column].astype(str) == "")]
        if len(empty):
            raise InputError(f"images: row {empty[0]}: no value in column {column!r}")
    twice = images[images.duplicated([*SHOWN, "stimulus_id"])]
    if len(twice):
        row = twice.iloc[0][[*SHOWN, "stimulus_id"]].tolist()
        raise InputError(f"images: reconstruction {'/'.join(map(str, row))} stands more than once")
    originals = images[["set", "stimulus_id", "true_file"]].drop_duplicates()
    second = originals[originals.duplicated(["set", "stimulus_id"])]
    if len(second):
        name, stimulus, file = second.iloc[0].tolist()
        raise InputError(
            f"images: set {name!r}, stimulus {stimulus!r}: found a second original {file}, "
            "expected one"
        )


def questions(task: Task, images: pd.DataFrame) -> pd.DataFrame:
    """Everything that can be asked in a task.

    Parameters
    ----------
    task : Task
    images : DataFrame
        A row per reconstruction: subject, roi, method, set, stimulus_id, true_file, recon_file;
        for colour_shape also colour and shape ("n/a" in sets without).

    Returns
    -------
    DataFrame
        Columns QUESTION and `rivals`: the stimuli (a tuple, the target among them) from which the
        foil is taken; of a preference it is the target alone.

    Raises
    ------
    InputError
        If nothing can be asked.

    Examples
    --------
    >>> rows = [("sub-01", "VC", "x", "letters", s, f"{s}.png", f"r{s}.png") for s in "AB"]
    >>> asked = questions(
    ...     Task("identification", ["x"], ["VC"]), pd.DataFrame(rows, columns=IMAGE_COLUMNS)
    ... )
    >>> asked[["method", "target", "rivals"]].to_numpy().tolist()
    [['x', 'A', ('A', 'B')], ['x', 'B', ('A', 'B')]]
    """
    chosen = task.select(images)
    if chosen.empty:
        raise InputError(
            f"{task.task}: no reconstructions by {', '.join(task.methods)} from "
            f"{', '.join(task.rois)}"
        )
    if task.task == "preference":
        return _preferences(chosen)
    own = chosen[[*SHOWN, "stimulus_id"]].rename(columns={"stimulus_id": "target"})
    return _asked(task, own.assign(foil_roi=NONE, foil_method=NONE), chosen)


def catches(task: Task, images: pd.DataFrame) -> pd.DataFrame:
    """The catches of a task, as `questions` gives its questions.

    In identification and colour_shape every original can stand on top in place of its
    reconstruction. In a preference the original stands below too, beside each reconstruction.
    """
    chosen = task.select(images)
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


def _asked(task: Task, own: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Questions with all foils of a task; targets without any are left out."""
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
            f"images: set {few['set'].iloc[0]!r} has 1 stimulus, expected at least 2 (one must be "
            "the foil)"
        )
    for name in few["set"].unique():
        logger.warning("%s: left out what has no foil in set %r", task.task, name)
    asked = asked.drop(index=few.index).reset_index(drop=True)
    if asked.empty:
        raise InputError(
            f"{task.task}: no set with two stimuli to choose from"
            if task.task == "identification"
            else "colour_shape: no set of coloured shapes, as the artificial images of ds001506 are"
        )
    return asked[[*QUESTION, "rivals"]]


def _with_rivals(asked: pd.DataFrame, rivals: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    return asked.assign(rivals=pd.Series(rivals, index=asked.index, dtype=object))


def _keys(own: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(own["set"], own["target"], strict=True))


def _rivals(images: pd.DataFrame, same: list[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """(set, stimulus) -> all stimuli with which it shares the columns `same`, itself included."""
    originals = images[[*dict.fromkeys(["set", "stimulus_id", *same])]].drop_duplicates()
    found = {}
    for _, part in originals.groupby(same, sort=False):
        ids = tuple(part["stimulus_id"])
        found.update(dict.fromkeys(zip(part["set"], ids, strict=True), ids))
    return found


def _coloured_shapes(images: pd.DataFrame) -> pd.DataFrame:
    """Rows with a colour and a shape."""
    if not {"colour", "shape"} <= set(images):
        return images.assign(colour=NONE, shape=NONE).iloc[:0]
    return images[(images["colour"] != NONE) & (images["shape"] != NONE)]


def _preferences(images: pd.DataFrame) -> pd.DataFrame:
    """Each two conditions of a subject, for every image that both have reconstructed."""
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
