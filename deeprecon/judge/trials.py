"""Deal questions out to raters: a balanced incomplete design."""

import math
from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.judge.questions import (
    CONDITION,
    NONE,
    QUESTION,
    Task,
    catches,
    check_images,
    questions,
)

CATCH_SHARE = 0.07
REPEAT_SHARE = 0.05
SHARED_SHARE = 0.1
APART = 10  # trials between a pair of pictures and its repeat, in lists long enough

TRIAL_COLUMNS = [
    "list", "order", "trial_id", "task", "kind", "item", "shared", "repeats", "subject", "roi",
    "foil_roi", "method", "foil_method", "set", "aspect", "target", "foil", "target_side",
]  # fmt: skip
ITEM = ["task", "kind", *QUESTION, "foil"]


def build_trials(
    images: pd.DataFrame, tasks: Sequence[Task], *, n_raters: int, seed: int
) -> pd.DataFrame:
    """Deal the trials of all tasks out to raters.

    Parameters
    ----------
    images : DataFrame
        A row per reconstruction: subject, roi, method, set, stimulus_id, true_file, recon_file;
        for colour_shape also colour and shape.
    tasks : what is asked
    n_raters : number of lists
    seed : the same seed, table and tasks give the same trials

    Returns
    -------
    DataFrame
        In the order of presentation: list (from 1), order (from 1), trial_id, task, kind ("test",
        "repeat" or "catch"), item (the same pictures, sides aside), shared (True if all raters
        judge this item), repeats (trial that a repeat shows again, or "n/a"), subject, roi,
        foil_roi, method, foil_method, set, aspect ("n/a" where they do not apply), target and foil
        (stimulus ids), target_side ("left" or "right").

    Raises
    ------
    InputError
        If the table lacks columns or values or names a reconstruction twice; if nothing can be
        asked in a task; if a list cannot be ordered without the same target twice in a row.

    Notes
    -----
    - A list has one block for each task; from list to list the blocks move on by one.
    - About 7 % of a block are catches and 5 % repeats, at least one each. A repeat shows an earlier
      trial with sides swapped, ten trials later or more (a third of a shorter block).
    - A tenth of the questions, the shared ones, have one foil for all raters: on them rests the
      agreement between raters. Every other question stands in equally many trials, but for one
      more or less; so does every catch.
    - The foils of a question go through all its rivals before one returns.
    - Left and right differ by at most one within a list and within a question.
    - With `pairs="all"` every question meets every rival once in the study. Nothing is shared.

    Examples
    --------
    >>> from deeprecon.judge.questions import IMAGE_COLUMNS
    >>> rows = [("sub-01", "VC", "pixel", "letters", x, f"{x}.png", f"r{x}.png") for x in "ACEIN"]
    >>> images = pd.DataFrame(rows, columns=IMAGE_COLUMNS)
    >>> task = Task("identification", ["pixel"], ["VC"], trials=12)
    >>> trials = build_trials(images, [task], n_raters=2, seed=0)
    >>> trials.groupby("kind")["list"].value_counts().unstack().to_numpy().tolist()
    [[1, 1], [1, 1], [10, 10]]
    """
    check_images(images)
    if n_raters < 1:
        raise InputError(f"n_raters: found {n_raters}, expected at least 1")
    names = [task.task for task in tasks]
    of = {task.task: task for task in tasks}
    if not names or len(set(names)) < len(names):
        raise InputError(f"tasks: found {names}, expected each task at most once, and one at least")
    rng = np.random.default_rng(seed)
    dealt = [_deal_task(task, images, n_raters, rng) for task in tasks]
    trials = pd.concat(dealt, ignore_index=True)
    trials["target_side"] = _sides(trials, rng)
    trials["repeats"] = NONE
    blocks = []
    for number in range(1, n_raters + 1):
        part = trials[trials["list"] == number]
        left = _surplus(part)
        turn = (number - 1) % len(tasks)
        blocks_of_list = []
        for name in names[turn:] + names[:turn]:
            block = _ordered(part[part["task"] == name], rng)
            block = _with_repeats(block, _n_repeats(of[name], len(block)), left, rng)
            left += _surplus(block[block["kind"] == "repeat"])
            blocks_of_list.append(block)
        whole = pd.concat(blocks_of_list, ignore_index=True)
        blocks.append(whole.assign(order=np.arange(1, len(whole) + 1)))
    return _numbered(pd.concat(blocks, ignore_index=True))[TRIAL_COLUMNS]


def _deal_task(task: Task, images: pd.DataFrame, n_lists: int, rng: Generator) -> pd.DataFrame:
    """The trials of a task without sides, order and repeats."""
    asked, certain = questions(task, images), catches(task, images)
    if task.pairs == "all":
        tests = _deal_all(asked, n_lists, rng)
        n_catch = _share(CATCH_SHARE, math.ceil(len(tests) / n_lists / (1 - CATCH_SHARE)))
    else:
        n_catch = _share(CATCH_SHARE, task.trials)
        n_tests = task.trials - n_catch - _share(REPEAT_SHARE, task.trials)
        n_shared = min(math.ceil(SHARED_SHARE * n_tests), len(asked)) if n_lists > 1 else 0
        tests = _deal(asked, n_lists, n_tests, n_shared, rng)
    parts = [
        tests.assign(kind="test"),
        _deal(certain, n_lists, n_catch, 0, rng).assign(kind="catch"),
    ]
    return pd.concat(parts, ignore_index=True).assign(task=task.task)


def _share(share: float, n: int) -> int:
    return max(1, round(share * n))


def _deal(
    asked: pd.DataFrame, n_lists: int, per_list: int, n_shared: int, rng: Generator
) -> pd.DataFrame:
    """Give every list `per_list` questions with foils: columns list, QUESTION, foil, shared.

    The questions stand in a ring, and each list takes the next ones of it. Where a round ends with
    a list, the ring is drawn anew: else half as many trials as questions, say, would leave two
    groups of raters who have nothing in common. Shared questions stand in every list. If a list
    has room for all questions anyhow, one showing of them keeps its foil; else they leave the ring.
    """
    foil_of = _Foils(asked, rng)
    shared = _ring(asked, rng)[:n_shared]
    room_for_all = per_list >= len(asked)
    ringed = asked if room_for_all else asked.drop(index=asked.index[shared])
    per_ring = per_list if room_for_all else per_list - n_shared
    slots = np.arange(n_lists * per_ring)
    block = math.lcm(len(ringed), per_ring)
    rings = [
        ringed.index[_ring(ringed, rng)].to_numpy() for _ in range(math.ceil(len(slots) / block))
    ]
    rows = pd.DataFrame(
        {
            "list": slots // per_ring + 1,
            "row": [rings[slot // block][slot % len(ringed)] for slot in slots],
            "shared": False,
        }
    )
    if room_for_all:
        first = ~rows.duplicated(["list", "row"])
        rows["shared"] = first & rows["row"].isin(asked.index[shared])
    else:
        everywhere = pd.MultiIndex.from_product(
            [range(1, n_lists + 1), asked.index[shared]], names=["list", "row"]
        ).to_frame(index=False)
        rows = pd.concat([rows, everywhere.assign(shared=True)], ignore_index=True)
    # Round 0 of a shared question is kept for what all raters see.
    rounds = rows.groupby(["row", "shared"]).cumcount() + rows["row"].isin(asked.index[shared])
    rounds[rows["shared"]] = 0
    return _put_together(asked, rows, rounds.to_numpy(), foil_of)


def _deal_all(asked: pd.DataFrame, n_lists: int, rng: Generator) -> pd.DataFrame:
    """Every question with every rival once, split over the lists; as `_deal`."""
    foil_of = _Foils(asked, rng)
    n_foils = asked["rivals"].map(lambda rivals: max(1, len(rivals) - 1)).to_numpy()
    turns = [
        (turn, row)
        for turn in range(n_foils.max())
        for row in _ring(asked, rng)
        if turn < n_foils[row]
    ]
    if len(turns) < n_lists:
        raise InputError(f"n_raters: found {n_lists}, expected at most {len(turns)}, one pair each")
    lists = np.repeat(
        np.arange(1, n_lists + 1), [len(part) for part in np.array_split(turns, n_lists)]
    )
    rows = pd.DataFrame(
        {"list": lists, "row": [asked.index[row] for _, row in turns], "shared": False}
    )
    return _put_together(asked, rows, np.array([turn for turn, _ in turns]), foil_of)


def _put_together(
    asked: pd.DataFrame, rows: pd.DataFrame, rounds: NDArray[np.integer], foil_of: "_Foils"
) -> pd.DataFrame:
    """Columns list, QUESTION, foil, shared of the questions named by their row."""
    dealt = asked.loc[rows["row"], QUESTION].reset_index(drop=True)
    dealt.insert(0, "list", rows["list"].to_numpy())
    dealt["foil"] = [foil_of(row, turn) for row, turn in zip(rows["row"], rounds, strict=True)]
    dealt["shared"] = rows["shared"].to_numpy()
    return dealt


class _Foils:
    """The foil of a question in each round: its rival a fixed number of places further on.

    The rivals of a set stand in one random circle. A condition's steps are a random order of
    1 ... n - 1: a Latin square of targets and foils.
    """

    def __init__(self, asked: pd.DataFrame, rng: Generator) -> None:
        circles: dict[Hashable, list[str]] = {}
        steps: dict[Hashable, NDArray[np.integer]] = {}
        self.of: dict[Hashable, tuple[str, list[str], NDArray[np.integer]]] = {}
        conditions = asked[CONDITION].itertuples(index=False, name=None)
        for row, condition, target, rivals in zip(
            asked.index, conditions, asked["target"], asked["rivals"], strict=True
        ):
            circle = (condition[CONDITION.index("set")], rivals)
            if circle not in circles:
                circles[circle] = [rivals[i] for i in rng.permutation(len(rivals))]
            key = (condition, rivals)
            if key not in steps:
                n_foils = max(1, len(rivals) - 1)
                steps[key] = (rng.permutation(n_foils) + 1) % len(rivals)
            self.of[row] = (target, circles[circle], steps[key])

    def __call__(self, row: Hashable, turn: int) -> str:
        target, circle, steps = self.of[row]
        place = circle.index(target) + int(steps[turn % len(steps)])
        return circle[place % len(circle)]


def _ring(asked: pd.DataFrame, rng: Generator) -> list[int]:
    """Positions of all questions, conditions and targets spread evenly over the round.

    Each condition goes once through its set, in the set's order for this ring; conditions of the
    same set are shifted against each other, so that few trials in a row have the same target.
    """
    place, turns = {}, {}
    for name, targets in asked.groupby("set")["target"]:
        unique = targets.unique()
        place[name] = dict(zip(unique, range(len(unique)), strict=True))
        turns[name] = rng.permutation(len(unique))
    position = np.empty(len(asked))
    shifts: dict[tuple[str, ...], int] = {}
    of_set: dict[str, int] = {}
    conditions = asked[CONDITION].itertuples(index=False, name=None)
    names = zip(conditions, asked["set"], asked["target"], strict=True)
    for row, (condition, name, target) in enumerate(names):
        if condition not in shifts:
            shifts[condition] = of_set.get(name, 0)
            of_set[name] = shifts[condition] + 1
        n = len(turns[name])
        position[row] = (
            turns[name][(place[name][target] + shifts[condition]) % n] + rng.random()
        ) / n
    return [int(row) for row in np.argsort(position)]


def _sides(trials: pd.DataFrame, rng: Generator) -> list[str]:
    """Side of the target in each trial, balanced within lists and within questions.

    Trials are paired within each list (of one kind and task as far as possible), and again within
    each question; the two of a pair get opposite sides. The pairs form paths and cycles that
    alternate between both kinds, so that the cycles are even and this is always possible.
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
    """Pairs of rows of the same group, made in the given order, and the odd rows left over."""
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
    """How many more targets stand on the left than on the right."""
    left = int((trials["target_side"] == "left").sum())
    return 2 * left - len(trials)


def _ordered(trials: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """A block in random order, no target twice in a row."""
    waiting: dict[tuple[str, str], list[int]] = {}
    for i in map(int, rng.permutation(len(trials))):
        key = (trials["set"].iloc[i], trials["target"].iloc[i])
        waiting.setdefault(key, []).append(i)
    rows: list[int] = []
    last: tuple[str, str] | None = None
    for n_left in range(len(trials), 0, -1):
        # A target with more than half of what is left must come now, or two will meet later.
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


def _n_repeats(task: Task, n_others: int) -> int:
    """Repeats in a block with so many tests and catches."""
    if task.pairs == "all":
        return _share(REPEAT_SHARE, round(n_others / (1 - REPEAT_SHARE)))
    return task.trials - n_others


def _with_repeats(block: pd.DataFrame, n_repeats: int, left: int, rng: Generator) -> pd.DataFrame:
    """A block with some of its tests again, later and with sides swapped.

    `left` is how many more targets stand on the left in the list: an odd repeat makes up for it.
    Which trial a repeat shows again is its position in the block until `_numbered` names it.
    """
    n_tests = int((block["kind"] == "test").sum())
    apart = min(APART, len(block) // 3)
    rows = [(row, None) for row in block.to_dict("records")]  # (trial, the one that it repeats)
    for position, (row, _) in enumerate(rows):
        row["position"] = position
    wanted = "right" if left < 0 or (left == 0 and rng.integers(2)) else "left"
    firsts = [row for row, _ in rows if row["kind"] == "test"]
    queue = [firsts[i] for i in rng.permutation(n_tests)]
    placed = 0
    # `wanted` is the side at first; the repeat itself stands on the other one.
    for _ in range(2 * n_tests):
        if placed == min(n_repeats, n_tests) or not queue:
            break
        first = next((row for row in queue if row["target_side"] == wanted), queue[0])
        queue.remove(first)
        start = next(i for i, (row, _) in enumerate(rows) if row is first) + apart + 1
        key = (first["set"], first["target"])
        free = [
            at
            for at in range(start, len(rows) + 1)
            if all((row["set"], row["target"]) != key for row, _ in rows[at - 1 : at + 1])
        ]
        if not free:
            continue
        swapped = {"left": "right", "right": "left"}[first["target_side"]]
        again = first | {"kind": "repeat", "target_side": swapped, "shared": False}
        rows.insert(free[int(rng.integers(len(free)))], (again, first["position"]))
        placed += 1
        wanted = {"left": "right", "right": "left"}[first["target_side"]]
    if placed < min(n_repeats, n_tests):
        raise _too_few_targets(block, (block["set"].iloc[0], block["target"].iloc[0]))
    whole = pd.DataFrame([row for row, _ in rows])
    whole["repeats"] = [-1 if first is None else first for _, first in rows]
    return whole


def _numbered(trials: pd.DataFrame) -> pd.DataFrame:
    """Trial ids, items, and of each repeat the trial that it shows again."""
    trials["trial_id"] = [f"t{i:06d}" for i in range(1, len(trials) + 1)]
    first = trials[trials["repeats"] < 0].set_index(["list", "task", "position"])["trial_id"]
    again = trials["repeats"] >= 0
    keys = trials.loc[again, ["list", "task", "repeats"]].itertuples(index=False, name=None)
    named = [first[key] for key in keys]
    trials["repeats"] = NONE
    trials.loc[again, "repeats"] = named
    # A repeat shows the item of a test.
    same = trials[ITEM].replace({"kind": {"repeat": "test"}})
    numbers = same.groupby(ITEM, sort=False).ngroup() + 1
    trials["item"] = [f"i{i:06d}" for i in numbers]
    return trials
