"""Facts about OpenNeuro ds001506, the data set of Shen et al. (2019).

Imagined targets: the labels of the imagery runs (category_id, category_name) almost certainly come
from another list. This is an inference from the event files of the data set:

- In all three subjects, the k-th category_index (1 to 26) carries the k-th synset of the
  alphabetical list of the 50 natural test categories. But subjects imagined 15 coloured shapes, a
  fixation point and 10 natural images.
- Mean vividness (1-5) over indices 1-15, 16 and 17-26 is 3.76, 4.90, 3.34 in sub-01; 3.33, 3.90,
  3.18 in sub-02; and 3.90, 2.90, 2.98 in sub-03. Item 16, the fixation point in the list below,
  stands out, and the two groups around it differ.

`IMAGINED` is the ordered list that github.com/nkmjm/mental_img_recon (demo_params.yaml) gives for
features decoded from the same experiment. The settings choose whether stimuli take its names or
keep the bare number; category_id and category_name are never used.
"""

from collections.abc import Mapping
from typing import Any

from deeprecon.errors import InputError

IMAGINED: dict[int, str] = dict(
    enumerate(
        [
            "red_smallring", "red_+", "red_X",
            "green_smallring", "green_+", "green_X",
            "blue_smallring", "blue_+", "blue_X",
            "white_smallring", "white_+", "white_X",
            "black_smallring", "black_+", "black_X",
            "fixation",
            "n02416519_12793",  # goat
            "n01443537_22563",  # goldfish
            "n01677366_18182",  # iguana
            "n02128385_20264",  # leopard
            "n01858441_11077",  # swan
            "n02690373_7713",  # airliner
            "n02882301_14188",  # bowling ball
            "n03710193_22225",  # post
            "n04297750_25624",  # stained glass
            "n04507155_21299",  # umbrella
        ],
        start=1,
    )
)  # fmt: skip

# The coloured shapes in the order of their stimulus numbers: colour by colour, five shapes each.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
SHAPES = ("square", "smallring", "largering", "+", "X")

# Session label without its number -> samples per subject (blocks without one-back repetitions).
N_SAMPLES: dict[str, int] = {
    "perceptionNaturalImageTraining": 6000,
    "perceptionNaturalImageTest": 1200,
    "perceptionArtificialImage": 800,
    "perceptionLetterImage": 120,
    "imagery": 520,
}


def imagined_target(index: str) -> str:
    """Name of the target that was imagined under a category_index.

    Parameters
    ----------
    index : "1" to "26"

    Raises
    ------
    InputError
        If the index is anything else.

    Examples
    --------
    >>> imagined_target("1"), imagined_target("16")
    ('red_smallring', 'fixation')
    """
    names = {str(number): name for number, name in IMAGINED.items()}
    if index not in names:
        raise InputError(f"category_index is {index!r}, expected 1 to {len(IMAGINED)}")
    return names[index]


def check_counts(counts: Mapping[str, int], subject: str) -> None:
    """Refuse a subject who has more or fewer samples than in the data set.

    Parameters
    ----------
    counts : session label without its number -> number of samples, for the sets of a study
    subject : subject, for the message

    Raises
    ------
    InputError
        It names every session label that differs, with the number found and the number expected.
    """
    unknown = [label for label in counts if label not in N_SAMPLES]
    if unknown:
        raise InputError(
            f"{subject}: ds001506 has no session {unknown[0]!r}, expected {', '.join(N_SAMPLES)}"
        )
    differing = [
        f"{label} has {found} samples, expected {N_SAMPLES[label]}"
        for label, found in counts.items()
        if found != N_SAMPLES[label]
    ]
    if differing:
        raise InputError(f"{subject}: unlike ds001506: {'; '.join(differing)}")


def check_data_set(
    dataset: str, n_samples: Mapping[str, int], labels: Mapping[str, Any], subject: str
) -> None:
    """Check the number of samples of ds001506; any other data set passes.

    Parameters
    ----------
    dataset : name of the data set, as in the settings
    n_samples : stimulus set -> number of samples of the subject
    labels : stimulus set -> session label, for every set of the study
    subject : subject, for the message

    Raises
    ------
    InputError
        See `check_counts`.
    """
    if dataset == "ds001506":
        check_counts({label: n_samples.get(name, 0) for name, label in labels.items()}, subject)
