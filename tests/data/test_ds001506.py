import re

import pytest

from deeprecon.data.ds001506 import (
    IMAGINED,
    N_SAMPLES,
    check_counts,
    check_data_set,
    imagined_target,
)
from deeprecon.data.simulate.images import IMAGERY_SHAPES
from deeprecon.errors import InputError


def test_imagined_targets():
    """15 shapes, a fixation point and 10 photographs, in this order."""
    assert list(IMAGINED) == list(range(1, 27))
    assert len(set(IMAGINED.values())) == 26
    photographs = [number for number, name in IMAGINED.items() if re.match(r"n\d{8}_\d+$", name)]
    assert photographs == list(range(17, 27))
    colours = ("red", "green", "blue", "white", "black")
    assert [IMAGINED[number] for number in range(1, 16)] == [
        f"{colour}_{shape}" for colour in colours for shape in IMAGERY_SHAPES
    ]
    assert IMAGINED[16] == "fixation"
    assert imagined_target("17") == "n02416519_12793"
    assert imagined_target("14") == "black_+"


@pytest.mark.parametrize("index", ["0", "27", "7.0", "", "n/a", "-1"])
def test_no_such_target(index):
    with pytest.raises(InputError, match=f"category_index is '{index}', expected 1 to 26"):
        imagined_target(index)


def test_numbers_of_samples_follow_from_the_design():
    """Images times presentations, of one subject."""
    assert N_SAMPLES == {
        "perceptionNaturalImageTraining": 1200 * 5,
        "perceptionNaturalImageTest": 50 * 24,
        "perceptionArtificialImage": 40 * 20,
        "perceptionLetterImage": 10 * 12,
        "imagery": 26 * 20,
    }


def test_counts():
    check_counts(N_SAMPLES, "sub-01")
    check_counts({"imagery": 520}, "sub-01")
    wrong = N_SAMPLES | {"imagery": 494, "perceptionLetterImage": 130}
    with pytest.raises(
        InputError,
        match=r"^sub-01: unlike ds001506: perceptionLetterImage has 130 samples, expected 120; "
        r"imagery has 494 samples, expected 520$",
    ):
        check_counts(wrong, "sub-01")
    with pytest.raises(InputError, match="sub-01: ds001506 has no session 'dreams', expected perc"):
        check_counts({"dreams": 520}, "sub-01")


def test_counts_belong_to_the_label_of_their_set_in_any_order():
    labels = {"train": "perceptionNaturalImageTraining", "imagery": "imagery"}
    check_data_set("ds001506", {"imagery": 520, "train": 6000}, labels, "sub-01")
    with pytest.raises(InputError, match="imagery has 0 samples, expected 520"):
        check_data_set("ds001506", {"train": 6000}, labels, "sub-01")
    check_data_set("other", {}, {"train": {"session": "a", "task": "b"}}, "sub-01")
