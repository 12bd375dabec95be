"""Select confounds of a run from a table with the column names of fMRIPrep."""

import logging
import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from deeprecon.data.tsv import read_tsv
from deeprecon.errors import InputError

logger = logging.getLogger(__name__)

MOTION6 = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
# Differences from the previous volume; fMRIPrep writes n/a for the first volume.
_DIFFERENCES = ("*_derivative1*", "*dvars", "framewise_displacement", "rmsd")
_UNSTEADY = "non_steady_state_outlier*"


def read_confounds(
    path: str | os.PathLike[str], selection: Sequence[str], n_dummy_scans: int
) -> pd.DataFrame:
    """Read the selected confounds of one run.

    Non-steady-state volumes that fMRIPrep detected (non_steady_state_outlier*) are added, one
    column each, unless they are dummy scans, which are dropped anyway.

    Parameters
    ----------
    path : TSV file with one row per volume, such as fMRIPrep's `*_desc-confounds_*.tsv`
    selection : presets, columns or patterns of columns:

        - "motion6": the six motion parameters
        - "motion24": these, their differences from the previous volume, and the squares of both,
          as in fMRIPrep after Satterthwaite et al. (2013)
        - "acompcor<n>": the first n anatomical components; combine them with "cosine*", because
          fMRIPrep computes them after its high-pass filter
        - "csf", "white_matter", "cosine*" ...
    n_dummy_scans : number of volumes that will be dropped at the start of the run

    Returns
    -------
    DataFrame
        (n_volumes, n_columns) float64, for the whole run, each column once, in the order of the
        selection. Differences are 0 in the first row.

    Raises
    ------
    InputError
        If the table cannot be read, a column is missing, or a value is not a number.
    """
    table = read_tsv(path)
    if table.empty:
        raise InputError(f"{path}: no rows, expected one for each volume")
    columns: dict[str, pd.Series] = {}
    for item in selection:
        for name in _base_columns(path, table, item):
            columns[name] = _numbers(path, table, name)
        if item == "motion24":
            for name in MOTION6:
                columns |= _expanded(columns[name])
    for name in [name for name in map(str, table) if fnmatchcase(name, _UNSTEADY)]:
        columns.pop(name, None)
        flags = _numbers(path, table, name)
        if flags.iloc[n_dummy_scans:].any():
            logger.warning(
                "%s: %s flags volume %d, after the %d dummy scans: regressed out",
                path, name, np.flatnonzero(flags)[-1] + 1, n_dummy_scans,
            )  # fmt: skip
            columns[name] = flags
    return pd.DataFrame(columns, index=table.index)


def _base_columns(path: str | os.PathLike[str], table: pd.DataFrame, item: str) -> list[str]:
    """Columns of the table that an item of the selection needs."""
    there = [str(name) for name in table]
    components = re.fullmatch(r"acompcor([1-9][0-9]*)", item)
    if item in ("motion6", "motion24"):
        names = list(MOTION6)
    elif components:
        found = [name for name in there if re.fullmatch(r"a_comp_cor_\d+", name)]
        names = sorted(found, key=lambda name: int(name.rpartition("_")[2]))[: int(components[1])]
        if len(names) < int(components[1]):
            raise InputError(
                f"{path}: {len(names)} columns a_comp_cor_*, but {item} needs {components[1]}"
            )
    else:
        names = [name for name in there if fnmatchcase(name, item)] or [item]
    for name in names:
        if name not in there:
            near = get_close_matches(name, there, n=3) or there[:6]
            raise InputError(f"{path}: no column {name!r}, but {', '.join(map(repr, near))} ...")
    return names


def _numbers(path: str | os.PathLike[str], table: pd.DataFrame, name: str) -> pd.Series:
    """Convert a column to numbers; differences start with 0."""
    given = table[name].copy()
    if given.iloc[0] == "n/a" and any(fnmatchcase(name, pattern) for pattern in _DIFFERENCES):
        given.iloc[0] = "0"
    numbers = pd.to_numeric(given, errors="coerce").astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 2}: {name} is {given.iloc[bad[0]]!r}, expected a number"
        )
    return numbers


def _expanded(motion: pd.Series) -> dict[str, pd.Series]:
    """Difference of a motion parameter from the previous volume, and the squares of both."""
    difference = motion.diff().fillna(0.0)
    name = motion.name
    return {
        f"{name}_derivative1": difference,
        f"{name}_power2": motion**2,
        f"{name}_derivative1_power2": difference**2,
    }
