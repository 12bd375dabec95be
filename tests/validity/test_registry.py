"""The registry of checks, and a user's own check from a file of theirs."""

import sys

import numpy as np
import pytest
from PIL import Image

from deeprecon.errors import InputError
from deeprecon.validity import registry
from deeprecon.validity.check_set import check_set, read_shown
from deeprecon.validity.registry import CHECKS, check, run_checks
from deeprecon.validity.result import graded

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
TRAINING = RNG.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
RECON = (0.7 * TRUE + 20).astype(np.uint8)
KEYS = {"subject": "sub-01", "roi": "VC", "method": "dgn", "set": "natural"}
OWN = '''
from deeprecon.validity.result import graded

def too_dark(recon, about):
    """Reconstructions that are nearly black."""
    mean = recon.mean()
    return graded(
        mean, fail=mean < 20, threshold="at least 20",
        sentence=f"The mean of all pixels is {mean:.0f}.", about=about,
    )

def unknown_input(voxels):
    return None

def a_number(recon):
    return recon.mean()
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A file of the user's, in the working directory."""
    (tmp_path / "my_checks.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_checks", raising=False)


def checked(recon=RECON, n=6, **options):
    """Checks of the first n images, by id."""
    options = {"shown": list(recon[:n]), "keys": KEYS} | options
    baselines = {"nearest_training": TRAINING[:n], "prior_only": np.full_like(TRUE[:n], 128)}
    if n > 1:
        baselines["shuffled_features"] = np.roll(recon, 1, axis=0)
    found = check_set(TRUE[:n], recon[:n], TRAINING, baselines, **options)
    return {one.id: one for one in found}


def test_checks_of_a_set_are_run_on_what_they_ask_for():
    found = checked()
    assert sorted(found) == ["V12", "V13", "V14", "V15", "V23", "V24", "V25"]
    assert found["V12"].status == found["V15"].status == found["V25"].status == "PASS"
    assert found["V12"].about == "sub-01, VC, dgn, natural"
    assert found["V23"].about == "natural"
    for name, one in found.items():
        assert one.title == CHECKS[name].title


def test_checks_that_need_more_are_run_if_it_is_there():
    shapes = ["red_square", "red_+", "blue_square", "blue_+", "green_square", "green_+"]
    found = checked(from_true_features=TRUE, categories=shapes)
    assert found["V11"].status == "PASS"
    assert found["V11"].about == "dgn, natural"
    assert found["V18"].status == "PASS"
    assert "V19" not in found  # no category is shared
    assert checked(categories=["dog", "cat"] * 3)["V19"].status == "PASS"


def test_a_single_image_has_no_check_that_needs_another():
    found = checked(n=1)
    for name in ("V12", "V15", "V23", "V24"):
        assert found[name].status == "NOT RUN", name


def test_shown_images_are_read_in_the_order_of_the_stimuli(tmp_path):
    for i, name in enumerate("ab"):
        Image.fromarray(TRUE[i]).save(tmp_path / f"{name}.png")
    np.testing.assert_array_equal(read_shown(tmp_path, ["b", "a"]), TRUE[[1, 0]])


@pytest.mark.parametrize(("share", "status"), [(1.0, "PASS"), (0.1, "FAIL")])
def test_a_check_of_the_user_is_run_beside_the_others(own, share, status):
    recon = (share * RECON).astype(np.uint8)
    found = checked(recon, own=["my_checks:too_dark"])
    one = found["my_checks:too_dark"]
    assert (one.status, one.title) == (status, "Reconstructions that are nearly black")
    assert one.about == "sub-01, VC, dgn, natural"
    assert len(found) == len(checked(recon)) + 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_checks:unknown_input", "unknown parameter 'voxels'; known: true, recon, training"),
        ("my_checks:a_number", "returned float64, expected a Check"),
        ("my_checks:absent", "my_checks:absent cannot be imported"),
    ],
)
def test_a_check_that_cannot_be_used_is_named(own, name, message):
    with pytest.raises(InputError, match=message):
        checked(own=[name])


def test_a_decorated_function_is_registered_where_it_stands(monkeypatch):
    monkeypatch.setattr(registry, "CHECKS", {})

    def bright(recon, seed, about):
        return [graded(recon.mean() + seed, fail=False, threshold="", sentence="", about=about)]

    bright.__module__ = "bright_module"
    module = type(sys)("bright_module")
    module.bright = check("X01", "brightness", "images", keys=("set",))(bright)
    monkeypatch.setitem(sys.modules, "bright_module", module)
    assert list(registry.CHECKS) == ["X01"]
    (one,) = run_checks("images", KEYS, {"recon": np.ones(3), "seed": 1})
    assert (one.id, one.title, one.value, one.about) == ("X01", "brightness", 2, "natural")
    assert run_checks("images", KEYS, {"recon": None, "seed": 1}) == []  # it does not apply
    assert run_checks("stimuli", KEYS, {}) == []
