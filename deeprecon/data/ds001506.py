"""Facts of OpenNeuro ds001506, the data set of Shen et al. (2019).

Imagined targets: the labels of the imagery runs (category_id, category_name) almost certainly name
another list. This is an inference; what supports it, in the event files of the data set:

- the k-th category_index, 1 to 26, carries the k-th synset of the alphabetical list of the 50
  natural test categories, in all three subjects; but subjects imagined 15 coloured shapes, a
  fixation point and 10 natural images;
- mean vividness (1-5) over index 1-15, 16 and 17-26 is 3.76, 4.90, 3.34 in sub-01; 3.33, 3.90,
  3.18 in sub-02; 3.90, 2.90, 2.98 in sub-03: item 16, the fixation point in the list below,
  stands apart, and the two blocks differ.

`IMAGINED` is the list, in order, that github.com/nkmjm/mental_img_recon (demo_params.yaml) gives
for features decoded from the same experiment. Settings choose whether stimuli take its names or
keep the bare number; category_id and category_name are never used.
"""

from collections.abc import Mapping

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

# Session label without its number -> samples (stimulus blocks without repetitions) of a subject.
N_SAMPLES: dict[str, int] = {
    "perceptionNaturalImageTraining": 6000,
    "perceptionNaturalImageTest": 1200,
    "perceptionArtificialImage": 800,
    "perceptionLetterImage": 120,
    "imagery": 520,
}


def imagined_target(index: str) -> str:
    """Name of what was imagined under a category_index.

    Parameters
    ----------
    index : "1" to "26"

    Raises
    ------
    InputError
        If it is anything else.

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
    """Refuse samples of which there are more or fewer than the data set has.

    Parameters
    ----------
    counts : session label without its number -> samples; of the sets that a study uses
    subject : named in the message

    Raises
    ------
    InputError
        It names every set that differs, what was found and what was expected.
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
