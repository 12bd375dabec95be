"""Imagery: correlation between the vividness ratings of images and their scores."""

from collections.abc import Mapping, Sequence

import pandas as pd

from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import rank_correlation

COLUMNS = ("subject", "roi", "method", "set", "metric", "n", "rho", "p", "p_holm")
SCORES = ("pixel_correlation", "pixel_identification", "brain_correlation")
MINIMUM_IMAGES = 4


def mean_vividness(blocks: pd.DataFrame) -> "pd.Series[float]":
    """Mean rating (1-5) of each rated stimulus, by (set, stimulus_id).

    Parameters
    ----------
    blocks : one row for each block, with the columns set, stimulus_id and vividness
    """
    rated = blocks.dropna(subset=["vividness"])
    return rated.groupby(["set", "stimulus_id"], sort=False)["vividness"].mean()


def vividness_table(
    images: pd.DataFrame,
    blocks: Mapping[str, pd.DataFrame],
    metrics: Sequence[str] = SCORES,
    n_permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank correlation over images between a score and the rated vividness.

    Parameters
    ----------
    images : table `IMAGE_COLUMNS` of `evaluate.table`
    blocks : subject -> blocks, see `mean_vividness`
    metrics : scores; identification is the one with the reconstruction fixed
    n_permutations, seed : settings of the two-sided permutation test

    Returns
    -------
    DataFrame with the columns `COLUMNS`
        One row for each score of each rated set; `p_holm` is corrected for the rows of a subject.
    """
    rows = []
    own = images[(images["direction"] != "true") & images["metric"].isin(list(metrics))]
    for subject, table in blocks.items():
        ratings = {
            str(name): part.droplevel(0) for name, part in mean_vividness(table).groupby("set")
        }
        part = own[own["subject"] == subject]
        for key, scores in part.groupby(["roi", "method", "set", "metric"], sort=False):
            rating = ratings.get(str(key[2]))
            if rating is None:
                continue
            rated = scores.set_index("stimulus_id")["value"].to_frame()
            rated["vividness"] = rating
            rated = rated.dropna()
            if len(rated) < MINIMUM_IMAGES or rated.nunique().min() < 2:
                continue
            rho, p = rank_correlation(rated["value"], rated["vividness"], n_permutations, seed)
            names = dict(zip(("roi", "method", "set", "metric"), key, strict=True))
            rows.append({"subject": subject, **names} | {"n": len(rated), "rho": rho, "p": p})
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    families = found.groupby("subject", sort=False)["p"]
    found["p_holm"] = families.transform(lambda p: holm(p.to_numpy(float))).astype(float)
    return found
