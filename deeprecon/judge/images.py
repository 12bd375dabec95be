"""The table of what can be judged: one row per reconstruction of a study."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from deeprecon.data.stimuli import read_stimuli
from deeprecon.evaluate.within import colours_and_shapes
from deeprecon.judge.questions import IMAGE_COLUMNS, NONE


def judged_images(
    targets: Sequence[str],
    results: Sequence[str],
    tables: Sequence[str | os.PathLike[str]],
) -> pd.DataFrame:
    """Originals and reconstructions, for `deeprecon.judge.questions`.

    Parameters
    ----------
    targets : "subject/roi/method/set" of each result
    results : files of reconstructions, `<folder>.h5`; their images are `<folder>/<stimulus>.png`
    tables : stimulus table of each set, named after it

    Returns
    -------
    DataFrame
        subject, roi, method, set, stimulus_id, true_file, recon_file, colour, shape. Colour and
        shape are "n/a" except in sets of coloured shapes.
    """
    stimuli = {Path(path).stem: read_stimuli(path) for path in tables}
    rows = []
    for target, result in zip(targets, results, strict=True):
        subject, roi, method, name = target.split("/")
        table = stimuli[name]
        parts = colours_and_shapes(list(table.get("category", [])))
        colours, shapes = parts or ([NONE] * len(table), [NONE] * len(table))
        for stimulus, file, colour, shape in zip(
            table["stimulus_id"], table["file"], colours, shapes, strict=True
        ):
            picture = str(Path(result).with_suffix("") / f"{stimulus}.png")
            rows.append((subject, roi, method, name, stimulus, file, picture, colour, shape))
    return pd.DataFrame(rows, columns=[*IMAGE_COLUMNS, "colour", "shape"])
