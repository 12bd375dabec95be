"""The table of what can be judged: a row for each reconstruction of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from deeprecon.evaluate.within import colours_and_shapes
from deeprecon.judge.questions import IMAGE_COLUMNS, NONE


def judged_images(
    targets: Sequence[str], results: Sequence[str], stimuli: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Originals and reconstructions, for `questions`.

    Parameters
    ----------
    targets : "subject/roi/method/set" of each result
    results : file of reconstructions, `<folder>.h5`; their pictures are `<folder>/<stimulus>.png`
    stimuli : set -> stimulus table (`deeprecon.data.stimuli.read_stimuli`)

    Returns
    -------
    DataFrame
        subject, roi, method, set, stimulus_id, true_file, recon_file, colour, shape; the last two
        are "n/a" in sets that are not of coloured shapes.
    """
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
