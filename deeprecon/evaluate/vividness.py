"""Imagery: is an image better reconstructed, the more vividly it was imagined."""

from collections.abc import Mapping, Sequence

import pandas as pd

from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import rank_correlation

COLUMNS = ("subject", "roi", "method", "set", "metric", "n", "rho", "p", "p_holm")
SCORES = ("pixel_correlation", "pixel_identification", "brain_correlation")
FEWEST = 4  # images


def mean_vividness(blocks: pd.DataFrame) -> "pd.Series[float]":
    """Mean rating (1-5) of each stimulus, by (set, stimulus_id); of those that were rated.

    Parameters
    ----------
    blocks : columns set, stimulus_id and vividness, a row a block
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
    """Rank correlation over images between a score and how vivid the image was rated.

    Parameters
    ----------
    images : table `IMAGE_COLUMNS` of `evaluate.table`
    blocks : subject -> blocks, see `mean_vividness`
    metrics : scores to look at; of identification with the reconstruction fixed
    n_permutations, seed : of the two-sided permutation test

    Returns
    -------
    DataFrame with the columns `COLUMNS`
        Of sets that were rated; `p_holm` is corrected for the rows of a subject.
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
            if len(rated) < FEWEST or rated.nunique().min() < 2:
                continue
            rho, p = rank_correlation(rated["value"], rated["vividness"], n_permutations, seed)
            names = dict(zip(("roi", "method", "set", "metric"), key, strict=True))
            rows.append({"subject": subject, **names} | {"n": len(rated), "rho": rho, "p": p})
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    families = found.groupby("subject", sort=False)["p"]
    found["p_holm"] = families.transform(lambda p: holm(p.to_numpy(float))).astype(float)
    return found
