"""Look up trials of the key by id, by list and by the pictures they show."""

from typing import Any

import pandas as pd

from deeprecon.errors import InputError
from deeprecon.judge.trials import PICTURES, TRIAL_COLUMNS

Trial = dict[str, Any]


class Trials:
    """The trials of a study.

    Attributes
    ----------
    by_id : trial id -> trial
    by_list : list -> its trials, in order
    by_pictures : (top, left, right) -> list -> the trials that show these, in order
    """

    def __init__(self, key: pd.DataFrame) -> None:
        columns = [*TRIAL_COLUMNS, *PICTURES]
        missing = [name for name in columns if name not in key]
        if missing:
            raise InputError(f"key: no column {missing[0]!r}; found {list(key.columns)}")
        dtypes: dict[str, type] = dict.fromkeys(columns, str)
        typed = key[columns].astype(dtypes | dict.fromkeys(("list", "order"), int))
        typed["shared"] = typed["shared"] == "True"
        rows: list[Trial] = typed.sort_values(["list", "order"]).to_dict("records")  # type: ignore[assignment]
        self.by_id = {trial["trial_id"]: trial for trial in rows}
        self.by_list: dict[int, list[Trial]] = {}
        self.by_pictures: dict[tuple[str, ...], dict[int, list[Trial]]] = {}
        for trial in rows:
            number = trial["list"]
            self.by_list.setdefault(number, []).append(trial)
            lists = self.by_pictures.setdefault(tuple(trial[name] for name in PICTURES), {})
            lists.setdefault(number, []).append(trial)
