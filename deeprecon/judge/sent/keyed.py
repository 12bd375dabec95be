"""The key of a study, looked up by trial, list and pictures."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from deeprecon.errors import InputError
from deeprecon.judge.trials import TRIAL_COLUMNS

PICTURES = ("top", "left", "right")


class Trials:
    """The key, by trial and by list; rows of plain tables are added to it.

    Attributes
    ----------
    columns : dict of str to list
        Values of TRIAL_COLUMNS and PICTURES, a value per trial.
    by_id : place of a trial
    by_list : places of a list's trials in their order
    by_pictures : (top, left, right) -> list -> places of trials that show these, in their order
    """

    def __init__(self, key: pd.DataFrame) -> None:
        missing = [name for name in (*TRIAL_COLUMNS, *PICTURES) if name not in key]
        if missing:
            raise InputError(f"key: no column {missing[0]!r}; found {list(key.columns)}")
        numbers = {name: key[name].astype(int).tolist() for name in ("list", "order")}
        self.columns: dict[str, list[Any]] = {
            name: numbers.get(name) or key[name].astype(str).tolist()
            for name in (*TRIAL_COLUMNS, *PICTURES)
        }
        self.columns["shared"] = [value == "True" for value in self.columns["shared"]]
        self.by_id = {name: place for place, name in enumerate(self.columns["trial_id"])}
        self.by_list: dict[int, list[int]] = {}
        for place, number in enumerate(self.columns["list"]):
            self.by_list.setdefault(number, []).append(place)
        self.by_pictures: dict[tuple[str, str, str], dict[int, list[int]]] = {}
        for number, places in self.by_list.items():
            places.sort(key=self.columns["order"].__getitem__)
            for place in places:
                lists = self.by_pictures.setdefault(self._pictures(place), {})
                lists.setdefault(number, []).append(place)

    def add(self, row: Mapping[str, Any]) -> int:
        """Place of a new row."""
        for name, values in self.columns.items():
            values.append(row.get(name, "n/a"))
        return len(self.columns["list"]) - 1

    def _pictures(self, place: int) -> tuple[str, str, str]:
        """Ids of the pictures that a trial shows: top, left, right."""
        top, left, right = (self.columns[name][place] for name in PICTURES)
        return top, left, right
