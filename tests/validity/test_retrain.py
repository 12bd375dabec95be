"""Decoders trained anew: clean simulated studies pass, and a leak in their design is found."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from deeprecon.decode.ridge import TopKRidge
from deeprecon.features.sampled import SampledUnits
from deeprecon.features.units import Units
from deeprecon.validity.decoding import at_chance
from deeprecon.validity.result import Check
from deeprecon.validity.retrain import (
    LATER,
    Samples,
    clusters_of,
    decode_test,
    hold_out_clusters,
    later_control,
    later_stimulus,
    noise_control,
)

MODEL = TopKRidge(n_voxels=None, alpha=10.0)
N_TRAIN, N_TEST, N_UNITS, N_VOXELS = 120, 20, 15, 40


def sampled(stimulus_id: list[str], values: np.ndarray) -> SampledUnits:
    """Features (n_stimuli, n_units) as the only layer."""
    units = Units((values.shape[1],), np.arange(values.shape[1]))
    return SampledUnits(stimulus_id, {"fc": values.astype(np.float32)}, {"fc": units})


@dataclass
class Study:
    """Voxels that respond to the features of the stimulus, each test stimulus shown twice."""

    voxels: np.ndarray
    ids: list[str]
    run: list[str]
    train: np.ndarray
    known: SampledUnits
    true: SampledUnits

    def controls(self, seed: int = 0) -> dict[str, Check]:
        """V09 and V10."""
        samples = Samples(self.voxels, self.ids, self.run, self.train, ~self.train)
        found = [
            control(samples, self.known, self.true, MODEL, seed, "sub-01")
            for control in (later_control, noise_control)
        ]
        return {check.id: check for check in found}


def study(order: str = "random", run_length: int = 20, seed: int = 0) -> Study:
    """Training images in random order, or so that an image resembles those shown after it."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N_TRAIN, N_UNITS))
    if order == "slow":  # an average over 16 neighbours, brought back to the same variance
        steps = rng.normal(size=(N_TRAIN + 15, N_UNITS)).cumsum(axis=0)
        features = (steps[15:] - np.vstack([np.zeros((1, N_UNITS)), steps[: N_TRAIN - 1]])) / 4
    test = rng.normal(size=(N_TEST, N_UNITS))
    train_ids = [f"train {i}" for i in range(N_TRAIN)]
    test_ids = [f"test {i}" for i in range(N_TEST)]
    shown = np.vstack([features, test, test[::-1]])
    voxels = shown @ rng.normal(size=(N_UNITS, N_VOXELS)) + rng.normal(size=(len(shown), N_VOXELS))
    return Study(
        voxels.astype(np.float32),
        train_ids + test_ids + test_ids[::-1],
        [str(i // run_length) for i in range(len(shown))],
        np.arange(len(shown)) < N_TRAIN,
        sampled(train_ids, features),
        sampled(test_ids[::-1], test[::-1]),  # not in the order of presentation
    )


def test_a_later_stimulus_is_of_the_same_run():
    ids = [*"abcdefg"]
    assert later_stimulus(ids, ["1"] * 7) == ["d", "e", "f", "g", None, None, None]
    assert later_stimulus(ids, ["1"] * 5 + ["2"] * 2) == ["d", "e", *[None] * 5]
    assert LATER == 3


def test_the_simulated_study_itself_can_be_decoded():
    s = study()
    shown = [name for name, used in zip(s.ids, s.train, strict=True) if used]
    decoded = decode_test(s.voxels[s.train], shown, s.known, s.voxels[~s.train][:N_TEST], MODEL)
    true = {"fc": s.true.features["fc"][::-1]}
    assert at_chance(decoded, true).value > 0.95


def test_v09_v10_controls_of_a_random_order_pass():
    found = study().controls()
    assert {check.status for check in found.values()} == {"PASS"}
    assert all(abs(check.value - 0.5) < 0.15 for check in found.values())
    assert {check.about for check in found.values()} == {"sub-01"}


def test_v09_fails_if_the_order_tells_what_comes_later():
    found = study("slow").controls()
    assert found["V09"].status == "FAIL"
    assert found["V09"].value > 0.7
    assert found["V10"].status == "PASS"  # noise knows nothing of the order


def test_v10_does_not_look_at_the_voxels():
    one, other = study(), study()
    other.voxels = other.voxels[::-1].copy()
    assert one.controls(seed=3)["V10"] == other.controls(seed=3)["V10"]
    assert one.controls(seed=3)["V10"] != one.controls(seed=4)["V10"]


def test_v09_needs_runs_long_enough_to_look_ahead():
    found = study(run_length=LATER).controls()
    assert found["V09"].status == "NOT RUN"
    assert found["V10"].status == "PASS"


def test_clusters_are_those_that_images_were_drawn_from():
    rng = np.random.default_rng(0)
    labels = np.arange(100) % 10
    features = 8 * rng.normal(size=(10, 30))[labels] + rng.normal(size=(100, 30))
    features[:, 0] = 5  # a unit that never changes
    names = [str(i) for i in range(100)]
    found = clusters_of(features, names, seed=0)
    assert list(found) == names
    assert adjusted_rand_score(labels, list(found.values())) == pytest.approx(1)


def held_out(centres: float, of_image: float, seed: int = 0) -> Check:
    """V16 where voxels carry the cluster of an image, or what is its own."""
    rng = np.random.default_rng(seed)
    label = np.arange(N_TRAIN) % 10
    # Orthogonal centres: of clusters that were held out, the others tell nothing.
    centre = centres * np.eye(10)[label]
    own = rng.normal(size=(N_TRAIN, 10))
    signal = centre + of_image * own
    noise = rng.normal(size=(N_TRAIN, N_VOXELS))
    voxels = signal @ rng.normal(size=(10, N_VOXELS)) + 0.3 * noise
    names = [f"train {i}" for i in range(N_TRAIN)]
    features = np.hstack([centre, centre]) + np.hstack([own, np.zeros((N_TRAIN, 10))])
    known = sampled(names, features)
    return hold_out_clusters(voxels.astype(np.float32), names, known, MODEL, seed, "sub-01")


def test_v16_images_that_are_decoded_as_such_pass():
    check = held_out(centres=0.0, of_image=1.0)
    assert (check.id, check.status, check.about) == ("V16", "PASS", "sub-01")


def test_v16_knowledge_of_the_cluster_alone_fails():
    check = held_out(centres=5.0, of_image=0.0)
    assert check.status == "FAIL"
    assert check.value > 0.5


def test_v16_needs_images():
    names = [f"train {i}" for i in range(49)]
    known = sampled(names, np.random.default_rng(0).normal(size=(49, 5)))
    check = hold_out_clusters(np.ones((49, 3), np.float32), names, known, MODEL, 0, "sub-01")
    assert check.status == "NOT RUN"
