"""What a check found, and tables of it."""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Literal

import pandas as pd

from deeprecon.atomic import replacing
from deeprecon.errors import InputError

Status = Literal["PASS", "WARN", "FAIL", "NOT RUN"]
STATUSES: tuple[Status, ...] = ("FAIL", "WARN", "NOT RUN", "PASS")

TITLES: dict[str, str] = {
    "V01": "training images among the test images",
    "V02": "training categories among the test categories",
    "V03": "folds that share an image",
    "V04": "nearness of test to training images",
    "V05": "test images inside training clusters",
    "V06": "normalisation by test data",
    "V07": "test data in tuning",
    "V08": "decoders trained on permuted labels",
    "V09": "decoders trained on a later stimulus",
    "V10": "decoders trained on noise",
    "V11": "recovery from true features",
    "V12": "gain over shuffled features",
    "V13": "pictures that ignore the brain",
    "V14": "identification among all training images",
    "V15": "gain over the nearest training image",
    "V16": "held-out clusters",
    "V17": "collapse of decoded features",
    "V18": "colour and shape apart",
    "V19": "identification within categories",
    "V20": "stability over seeds",
    "V21": "samples of each stimulus",
    "V22": "labels of imagery",
    "V23": "sanity of the scores",
    "V24": "colour alone",
    "V25": "scored images are shown images",
}


@dataclass(frozen=True)
class Check:
    """One check of one part of a study.

    Attributes
    ----------
    id : "V01" ... "V25"
    status : PASS, WARN, FAIL or NOT RUN
    value : the number; NaN if not run
    threshold : what the number is held against, in words
    sentence : what it means, or why it was not run
    about : the subject, region, method, set that it is of
    """

    id: str
    status: Status
    value: float
    threshold: str
    sentence: str
    about: str = ""

    @property
    def title(self) -> str:
        """What is checked, in a few words."""
        return TITLES[self.id]


COLUMNS = ("id", "title", "about", "status", "value", "threshold", "sentence")


def not_run(check: str, why: str, about: str = "") -> Check:
    """A check that could not be made.

    Examples
    --------
    >>> not_run("V20", "one seed only").status
    'NOT RUN'
    """
    return Check(check, "NOT RUN", float("nan"), "", why, about)


def p_words(p: float) -> str:
    """A p value as a sentence has it.

    Examples
    --------
    >>> p_words(0.0421), p_words(0.0001)
    ('p = 0.042', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def graded(
    check: str,
    value: float,
    *,
    fail: bool,
    warn: bool = False,
    threshold: str,
    sentence: str,
    about: str = "",
) -> Check:
    """A check whose status follows from two conditions."""
    status: Status = "FAIL" if fail else "WARN" if warn else "PASS"
    return Check(check, status, float(value), threshold, sentence, about)


def check_table(checks: Iterable[Check]) -> pd.DataFrame:
    """A row for each check, in the order of their numbers."""
    rows = [asdict(check) | {"title": check.title} for check in checks]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("id", kind="stable", ignore_index=True)


def write_checks(path: str | os.PathLike[str], checks: Iterable[Check]) -> None:
    """Write a TSV file."""
    with replacing(path) as temporary:
        check_table(checks).to_csv(temporary, sep="\t", index=False)


def read_checks(path: str | os.PathLike[str]) -> list[Check]:
    """Read a TSV file of `write_checks`."""
    table = pd.read_csv(path, sep="\t", keep_default_na=False, dtype=str)
    names = [field.name for field in fields(Check)]
    missing = [name for name in names if name not in table]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; found {list(table.columns)}")
    rows = table[names].to_dict("records")
    return [Check(**row | {"value": float(row["value"] or "nan")}) for row in rows]  # type: ignore[arg-type]
