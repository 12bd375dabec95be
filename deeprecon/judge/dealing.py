"""Deal questions and their foils out to lists: a balanced incomplete design."""

import math
from collections.abc import Hashable

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.judge.questions import CONDITION, QUESTION


def deal(
    asked: pd.DataFrame, n_lists: int, per_list: int, n_shared: int, rng: Generator
) -> pd.DataFrame:
    """Give every list `per_list` questions with foils.

    The questions are arranged in a ring, and each list takes the next ones. When a round ends
    together with a list, a new ring is drawn; otherwise half as many trials as questions, for
    example, would give two groups of raters who have no question in common. Shared questions are
    in every list. If a list has room for all questions, one showing of each shared question keeps
    its foil; otherwise the shared questions are taken out of the ring.

    Parameters
    ----------
    asked : questions and their rivals, as `deeprecon.judge.questions` gives them
    n_lists : number of lists
    per_list : questions in each list, including the shared ones
    n_shared : number of shared questions
    rng : random order and foils

    Returns
    -------
    DataFrame
        Columns list, QUESTION, foil, shared.
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
    # Round 0 of a shared question is reserved for the foil that all raters see.
    rounds = rows.groupby(["row", "shared"]).cumcount() + rows["row"].isin(asked.index[shared])
    rounds[rows["shared"]] = 0
    return _table(asked, rows, rounds.to_numpy(), foil_of)


def deal_all(asked: pd.DataFrame, n_lists: int, rng: Generator) -> pd.DataFrame:
    """Ask every question once with every rival, and divide these over the lists; see `deal`."""
    foil_of = _Foils(asked, rng)
    n_foils = asked["rivals"].map(lambda rivals: max(1, len(rivals) - 1)).to_numpy()
    turns = [
        (turn, row)
        for turn in range(n_foils.max())
        for row in _ring(asked, rng)
        if turn < n_foils[row]
    ]
    if len(turns) < n_lists:
        raise InputError(f"n_raters: found {n_lists}, expected at most {len(turns)} pairs")
    lists = np.repeat(
        np.arange(1, n_lists + 1), [len(part) for part in np.array_split(turns, n_lists)]
    )
    rows = pd.DataFrame(
        {"list": lists, "row": [asked.index[row] for _, row in turns], "shared": False}
    )
    return _table(asked, rows, np.array([turn for turn, _ in turns]), foil_of)


def _table(
    asked: pd.DataFrame, rows: pd.DataFrame, rounds: NDArray[np.integer], foil_of: "_Foils"
) -> pd.DataFrame:
    """The table of dealt questions: columns list, QUESTION, foil, shared."""
    dealt = asked.loc[rows["row"], QUESTION].reset_index(drop=True)
    dealt.insert(0, "list", rows["list"].to_numpy())
    dealt["foil"] = [foil_of(row, turn) for row, turn in zip(rows["row"], rounds, strict=True)]
    dealt["shared"] = rows["shared"].to_numpy()
    return dealt


class _Foils:
    """The foil of a question in each round.

    The rivals of a set are arranged in a random circle. In each round of a condition, the foil
    is a fixed number of steps after the target; the steps are a random order of 1 ... n - 1. Thus
    targets and foils form a Latin square.
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
        index = circle.index(target) + int(steps[turn % len(steps)])
        return circle[index % len(circle)]


def _ring(asked: pd.DataFrame, rng: Generator) -> list[int]:
    """A random order of all questions that spreads conditions and targets evenly.

    Each condition goes once through its set, in one random order per set. The conditions of a set
    are shifted against each other, so that successive trials seldom have the same target.
    """
    index, turns = {}, {}
    for name, targets in asked.groupby("set")["target"]:
        unique = targets.unique()
        index[name] = dict(zip(unique, range(len(unique)), strict=True))
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
            turns[name][(index[name][target] + shifts[condition]) % n] + rng.random()
        ) / n
    return [int(row) for row in np.argsort(position)]
