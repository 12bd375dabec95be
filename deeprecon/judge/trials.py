"""Make the trials that raters are given, in lists of which each rater answers one.

- A list has one block per task. From list to list, the first block becomes the last.
- About 7 % of a block are catches and 5 % repeats, at least one of each. A repeat shows an earlier
  trial with the sides swapped, at least ten trials later (in a short block, a third of it).
- A tenth of the questions is shared: all raters see them with the same foil, so that agreement
  between raters can be measured. All other questions are asked equally often, give or take one,
  and so are the catches.
- All rivals of a question serve as its foil before one does so again.
- Targets are on the left and right equally often, give or take one, in each list and question.
- With `pairs="all"` every question meets every rival once in the study, and nothing is shared.
"""

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.random import Generator

from deeprecon.errors import InputError
from deeprecon.judge.dealing import deal, deal_all
from deeprecon.judge.questions import NONE, QUESTION, catches, check_images, questions
from deeprecon.judge.settings import TaskSettings

CATCH_SHARE = 0.07
REPEAT_SHARE = 0.05
SHARED_SHARE = 0.1
APART = 10  # trials between a trial and its repeat, if the block is long enough

PICTURES = ("top", "left", "right")
"""Columns that the key has besides: the opaque ids of the pictures shown."""
TRIAL_COLUMNS = [
    "list", "order", "trial_id", "task", "kind", "item", "shared", "repeats", "subject", "roi",
    "foil_roi", "method", "foil_method", "set", "aspect", "target", "foil", "target_side",
]  # fmt: skip
ITEM = ["task", "kind", *QUESTION, "foil"]
_OPPOSITE = {"left": "right", "right": "left"}


def build_trials(
    images: pd.DataFrame, tasks: Sequence[TaskSettings], *, n_raters: int, seed: int
) -> pd.DataFrame:
    """Make the trials of all tasks and divide them among raters.

    Parameters
    ----------
    images : DataFrame
        One row per reconstruction: subject, roi, method, set, stimulus_id, true_file, recon_file;
        for colour_shape also colour and shape.
    tasks : the tasks, each at most once
    n_raters : number of lists
    seed : the same seed, table and tasks give the same trials

    Returns
    -------
    DataFrame
        In the order of presentation: list (from 1), order (from 1), trial_id, task, kind ("test",
        "repeat" or "catch"), item (equal for the same pictures, whatever their sides), shared
        (whether all raters judge this item), repeats (trial that a repeat shows again), subject,
        roi, foil_roi, method, foil_method, set, aspect, target and foil (stimulus ids),
        target_side ("left" or "right"). "n/a" marks what does not apply.

    Raises
    ------
    InputError
        If the table is incomplete or ambiguous; if a task has no questions; if a list cannot be
        ordered without showing the same target twice in a row.

    Examples
    --------
    >>> from deeprecon.judge.questions import IMAGE_COLUMNS
    >>> rows = [("sub-01", "VC", "pixel", "letters", x, f"{x}.png", f"r{x}.png") for x in "ACEIN"]
    >>> images = pd.DataFrame(rows, columns=IMAGE_COLUMNS)
    >>> task = TaskSettings(task="identification", methods=["pixel"], rois=["VC"], trials=12)
    >>> trials = build_trials(images, [task], n_raters=2, seed=0)
    >>> trials.groupby("kind")["list"].value_counts().unstack().to_numpy().tolist()
    [[1, 1], [1, 1], [10, 10]]
    """
    check_images(images)
    if n_raters < 1:
        raise InputError(f"n_raters: found {n_raters}, expected at least 1")
    of: dict[str, TaskSettings] = {task.task: task for task in tasks}
    if not tasks or len(of) < len(tasks):
        names = [task.task for task in tasks]
        raise InputError(f"tasks: found {names}, expected at least one, and each task at most once")
    rng = np.random.default_rng(seed)
    dealt = [_deal_task(task, images, n_raters, rng) for task in tasks]
    trials = pd.concat(dealt, ignore_index=True)
    trials["target_side"] = _sides(trials, rng)
    trials["repeats"] = NONE
    lists = [
        _ordered_list(trials[trials["list"] == number], of, number, rng)
        for number in range(1, n_raters + 1)
    ]
    return _numbered(pd.concat(lists, ignore_index=True))[TRIAL_COLUMNS]


def _ordered_list(
    trials: pd.DataFrame, tasks: Mapping[str, TaskSettings], number: int, rng: Generator
) -> pd.DataFrame:
    """The trials of a list in the order of presentation, with repeats."""
    left = _surplus(trials)
    names = list(tasks)
    turn = (number - 1) % len(names)
    blocks = []
    for name in names[turn:] + names[:turn]:
        block = _ordered(trials[trials["task"] == name], rng)
        block = _with_repeats(block, _n_repeats(tasks[name], len(block)), left, rng)
        left += _surplus(block[block["kind"] == "repeat"])
        blocks.append(block)
    whole = pd.concat(blocks, ignore_index=True)
    return whole.assign(order=np.arange(1, len(whole) + 1))


def _deal_task(
    task: TaskSettings, images: pd.DataFrame, n_lists: int, rng: Generator
) -> pd.DataFrame:
    """The trials of a task, without sides, order and repeats."""
    asked, certain = questions(task, images), catches(task, images)
    if task.pairs == "all":
        tests = deal_all(asked, n_lists, rng)
        n_catch = _share(CATCH_SHARE, math.ceil(len(tests) / n_lists / (1 - CATCH_SHARE)))
    else:
        n_catch = _share(CATCH_SHARE, task.trials)
        n_tests = task.trials - n_catch - _share(REPEAT_SHARE, task.trials)
        n_shared = min(math.ceil(SHARED_SHARE * n_tests), len(asked)) if n_lists > 1 else 0
        tests = deal(asked, n_lists, n_tests, n_shared, rng)
    parts = [
        tests.assign(kind="test"),
        deal(certain, n_lists, n_catch, 0, rng).assign(kind="catch"),
    ]
    return pd.concat(parts, ignore_index=True).assign(task=task.task)


def _share(share: float, n: int) -> int:
    return max(1, round(share * n))


def _sides(trials: pd.DataFrame, rng: Generator) -> list[str]:
    """Side of the target in each trial, balanced within lists and within questions.

    Trials are paired within each list (if possible of the same kind and task) and again within
    each question, and the two trials of a pair get opposite sides. Paths and cycles of pairs
    alternate between the two ways of pairing. All cycles are therefore even, and an assignment
    always exists.
    """
    mixed = [int(i) for i in rng.permutation(len(trials))]
    pairs, _ = _pairs(trials[["task", "kind", *QUESTION]], mixed)
    odd = mixed
    for same in (["list", "task", "kind"], ["list", "task"], ["list"]):
        found, odd = _pairs(trials[same], odd)
        pairs += found
    opposite: list[list[int]] = [[] for _ in mixed]
    for a, b in pairs:
        opposite[a].append(b)
        opposite[b].append(a)
    side: dict[int, int] = {}
    for start in range(len(trials)):
        if start in side:
            continue
        side[start] = int(rng.integers(2))
        waiting = [start]
        while waiting:
            trial = waiting.pop()
            for other in opposite[trial]:
                if other not in side:
                    side[other] = 1 - side[trial]
                    waiting.append(other)
    return [("left", "right")[side[i]] for i in range(len(trials))]


def _pairs(groups: pd.DataFrame, order: Sequence[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Pairs of rows in the same group, formed in the given order, and the unpaired rows."""
    keys = list(groups.itertuples(index=False, name=None))
    pairs: list[tuple[int, int]] = []
    single: dict[Hashable, int] = {}
    for i in order:
        if keys[i] in single:
            pairs.append((single.pop(keys[i]), i))
        else:
            single[keys[i]] = i
    return pairs, list(single.values())


def _surplus(trials: pd.DataFrame) -> int:
    """How many more targets are on the left than on the right."""
    left = int((trials["target_side"] == "left").sum())
    return 2 * left - len(trials)


def _ordered(trials: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """A block in random order, without the same target twice in a row.

    Raises
    ------
    InputError
        If a target has more than half of the trials.
    """
    waiting: dict[tuple[str, str], list[int]] = {}
    for i in map(int, rng.permutation(len(trials))):
        key = (trials["set"].iloc[i], trials["target"].iloc[i])
        waiting.setdefault(key, []).append(i)
    rows: list[int] = []
    last: tuple[str, str] | None = None
    for n_left in range(len(trials), 0, -1):
        # A target with more than half of the remaining trials must come now.
        key = max(waiting, key=lambda k: len(waiting[k]))
        if 2 * len(waiting[key]) <= n_left:
            keys = [k for k in waiting if k != last]
            weight = np.cumsum([len(waiting[k]) for k in keys])
            key = keys[int(np.searchsorted(weight, rng.integers(weight[-1]), side="right"))]
        elif key == last:
            raise _too_few_targets(trials, key)
        rows.append(waiting[key].pop())
        if not waiting[key]:
            del waiting[key]
        last = key
    return trials.iloc[rows].reset_index(drop=True)


def _too_few_targets(trials: pd.DataFrame, target: tuple[str, str]) -> InputError:
    task, number = trials["task"].iloc[0], trials["list"].iloc[0]
    return InputError(
        f"{task}: list {number}: too many of its {len(trials)} trials have the target "
        f"{'/'.join(map(str, target))} to keep them apart; expected more stimuli or another number "
        "of trials"
    )


def _n_repeats(task: TaskSettings, n_others: int) -> int:
    """Number of repeats in a block with this many tests and catches."""
    if task.pairs == "all":
        return _share(REPEAT_SHARE, round(n_others / (1 - REPEAT_SHARE)))
    return task.trials - n_others


def _with_repeats(block: pd.DataFrame, n_repeats: int, left: int, rng: Generator) -> pd.DataFrame:
    """Add repeats of some tests to a block, later and with the sides swapped.

    `left` is how many more targets are on the left than on the right in the list so far; an odd
    number of repeats evens it out. A repeat refers to the position of its first showing in the
    block until `_numbered` replaces that by the trial id.
    """
    rows = [
        row | {"position": position, "repeats": -1}
        for position, row in enumerate(block.to_dict("records"))
    ]
    firsts = [row for row in rows if row["kind"] == "test"]
    n_wanted = min(n_repeats, len(firsts))
    apart = min(APART, len(block) // 3)
    # `wanted` is the side of the first showing; the repeat is on the other side.
    wanted = "right" if left < 0 or (left == 0 and rng.integers(2)) else "left"
    queue = [firsts[i] for i in rng.permutation(len(firsts))]
    while queue and len(rows) < len(block) + n_wanted:
        first = next((row for row in queue if row["target_side"] == wanted), queue[0])
        queue.remove(first)
        start = rows.index(first) + apart + 1
        key = (first["set"], first["target"])
        free = [
            at
            for at in range(start, len(rows) + 1)
            if all((row["set"], row["target"]) != key for row in rows[at - 1 : at + 1])
        ]
        if free:
            wanted = _OPPOSITE[first["target_side"]]
            again = {"kind": "repeat", "target_side": wanted, "shared": False}
            again["repeats"] = first["position"]
            rows.insert(free[int(rng.integers(len(free)))], first | again)
    if len(rows) < len(block) + n_wanted:
        raise _too_few_targets(block, (block["set"].iloc[0], block["target"].iloc[0]))
    return pd.DataFrame(rows)


def _numbered(trials: pd.DataFrame) -> pd.DataFrame:
    """Add trial ids and items, and name the trial that each repeat shows again."""
    trials["trial_id"] = [f"t{i:06d}" for i in range(1, len(trials) + 1)]
    first = trials[trials["repeats"] < 0].set_index(["list", "task", "position"])["trial_id"]
    again = trials["repeats"] >= 0
    keys = trials.loc[again, ["list", "task", "repeats"]].itertuples(index=False, name=None)
    named = [first[key] for key in keys]
    trials["repeats"] = NONE
    trials.loc[again, "repeats"] = named
    # A repeat has the item of the test that it repeats.
    same = trials[ITEM].replace({"kind": {"repeat": "test"}})
    numbers = same.groupby(ITEM, sort=False).ngroup() + 1
    trials["item"] = [f"i{i:06d}" for i in numbers]
    return trials
