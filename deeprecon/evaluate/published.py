"""Published values with which a study of the same experiment can be compared.

Only values from a public file are listed. The main results of Shen et al. (2019) are published as
figures and are not repeated here.
"""

from collections.abc import Sequence

SOURCE = "published (InterSiteNeuralCodeConversion)"
# github.com/KamitaniLab/InterSiteNeuralCodeConversion (MIT), table of results: two-way
# identification in pixels of the natural test images of ds001506, region VC, 6,000 training
# samples after fMRIPrep, FastL2LiR with alpha 100, generator network, 200 iterations.
PIXEL_IDENTIFICATION = {"sub-01": 0.809, "sub-02": 0.803, "sub-03": 0.838}


def published(
    dataset: str | None, sets: dict[str, object], subjects: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Published two-way identification by pixels, mean over subjects: set -> source -> value.

    Parameters
    ----------
    dataset : name of the study's data set; values are known for ds001506 only
    sets : the study's sets, name -> session
    subjects : subjects of the study

    Examples
    --------
    >>> natural = {"natural": "perceptionNaturalImageTest"}
    >>> published("ds001506", natural, ["sub-01", "sub-02"])
    {'natural': {'published (InterSiteNeuralCodeConversion)': 0.806}}
    >>> published(None, natural, ["sub-01"])
    {}
    """
    known = [PIXEL_IDENTIFICATION[name] for name in subjects if name in PIXEL_IDENTIFICATION]
    if dataset != "ds001506" or not known:
        return {}
    mean = round(sum(known) / len(known), 3)
    return {name: {SOURCE: mean} for name, where in sets.items() if where == NATURAL}


NATURAL = "perceptionNaturalImageTest"
