"""Each check of decoding passes on a clean study and finds a planted fault."""

import numpy as np
import pytest

from deeprecon.validity.decoding import (
    at_chance,
    cluster_hold_out,
    collapse,
    control_score,
    effective_rank,
    folds_share_images,
    normalisation,
    samples_per_stimulus,
    tuning_inputs,
)

RNG = np.random.default_rng(0)
SAMPLES = ["a", "b", "c", "d"] * 3


def test_folds_of_images_pass_and_folds_of_runs_leak():
    by_image = [np.arange(i, 12, 4) for i in range(4)]
    by_run = [np.arange(4 * i, 4 * i + 4) for i in range(3)]
    assert folds_share_images(SAMPLES, by_image).status == "PASS"
    check = folds_share_images(SAMPLES, by_run)
    assert (check.status, check.value) == ("FAIL", 4)


def test_one_fold_is_none():
    assert folds_share_images(SAMPLES, [[0]]).status == "NOT RUN"


TRAIN, TEST = RNG.normal(3, 2, (100, 5)), RNG.normal(4, 2, (50, 5))


def statistics(rows):
    return rows.mean(axis=0).astype(np.float32), rows.std(axis=0, ddof=1).astype(np.float32)


def test_statistics_of_training_rows_pass_even_in_single_precision():
    assert normalisation({"voxels": statistics(TRAIN)}, {"voxels": TRAIN}, "VC").status == "PASS"


def test_statistics_over_test_rows_fail():
    every = statistics(np.concatenate([TRAIN, TEST]))
    check = normalisation({"voxels": every}, {"voxels": TRAIN}, "VC")
    assert check.status == "FAIL"
    assert check.value > 0.05


def test_sds_over_test_rows_fail_though_the_means_are_right():
    used = statistics(TRAIN)[0], statistics(np.concatenate([TRAIN, 3 * TEST]))[1]
    assert normalisation({"voxels": used}, {"voxels": TRAIN}, "VC").status == "FAIL"


def test_a_unit_that_varies_by_rounding_alone_counts_for_nothing():
    still = (7 + 1e-7 * RNG.standard_normal((100, 1))).astype(np.float32)
    assert normalisation({"fc": statistics(still)}, {"fc": still}, "").status == "PASS"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("results/s/features/net/train/sampled_units.h5", "PASS"),
        ("results/s/samples/sub-01.h5", "PASS"),
        ("results/s/features/net/natural/fc.h5", "FAIL"),
        ("results/s/stimuli/natural.tsv", "FAIL"),
        ("results/natural/naturalist.tsv", "FAIL"),
        ("results/s/x/y/naturalist.tsv", "PASS"),
    ],
)
def test_tuning_that_reads_a_test_set_fails(path, status):
    assert tuning_inputs(["results/s/stimuli/train.tsv", path], ["natural"]).status == status


def decoded(n=30, gain=0.0, seed=1):
    """True features, and decoded ones that know them by `gain`."""
    rng = np.random.default_rng(seed)
    true = {layer: rng.standard_normal((n, 40)) for layer in ("conv", "fc")}
    found = {"conv": rng.standard_normal((n, 40))}
    found["fc"] = gain * true["fc"] + rng.standard_normal((n, 40))
    return found, true


def test_a_control_without_information_passes_and_a_leak_in_one_layer_fails():
    assert at_chance(*decoded()).status == "PASS"
    found = at_chance(*decoded(gain=0.5))
    assert found.status == "FAIL"
    assert "layer fc" in found.sentence


def test_two_images_are_too_few_for_a_control():
    assert at_chance(*decoded(n=2)).status == "NOT RUN"


def test_the_lowest_of_many_p_values_is_corrected_for_their_number():
    rng = np.random.default_rng(5)
    true = {f"l{i}": rng.standard_normal((20, 10)) for i in range(60)}
    found = {layer: rng.standard_normal((20, 10)) for layer in true}
    alone = [at_chance({k: found[k]}, {k: true[k]}).status for k in true]
    assert alone.count("PASS") < len(alone)
    assert at_chance(found, true).status == "PASS"


def test_permuted_labels_that_still_identify_fail():
    assert control_score(0.51, 0.4).status == "PASS"
    assert control_score(0.58, 0.03).status == "WARN"
    assert control_score(0.8, 0.0001).status == "FAIL"


@pytest.mark.parametrize(("held_out", "status"), [(0.28, "PASS"), (0.1, "WARN"), (-0.02, "FAIL")])
def test_accuracy_that_is_knowledge_of_the_cluster(held_out, status):
    check = cluster_hold_out({"fc": 0.3}, {"fc": held_out})
    assert check.status == status
    assert check.value == pytest.approx(0.3 - held_out)


def test_one_layer_at_chance_without_its_clusters_warns():
    check = cluster_hold_out({"conv": 0.3, "fc": 0.3}, {"conv": 0.29, "fc": 0.0})
    assert (check.status, check.value) == ("WARN", 0.3)


def test_hold_out_without_accuracy_is_not_run():
    assert cluster_hold_out({"fc": np.nan}, {"fc": 0.1}).status == "NOT RUN"


def test_effective_rank_of_equal_and_of_single_directions():
    assert effective_rank(np.outer(np.arange(5), np.ones(4))) == pytest.approx(1)
    assert effective_rank(np.zeros((4, 3))) == 0


def test_decoded_features_of_full_rank_pass_and_collapsed_ones_fail():
    rng = np.random.default_rng(3)
    true = {"conv": rng.standard_normal((60, 80)), "fc": rng.standard_normal((60, 80))}
    full = {layer: y + rng.standard_normal(y.shape) for layer, y in true.items()}
    assert collapse(full, true).status == "PASS"
    direction = rng.standard_normal((1, 80))
    few = full | {"fc": true["fc"][:, :1] * direction}
    check = collapse(few, true)
    assert check.status == "FAIL"
    assert "layer fc" in check.sentence
    some = full | {"fc": true["fc"][:, :6] @ rng.standard_normal((6, 80))}
    assert collapse(some, true).status == "WARN"


def test_every_stimulus_has_as_many_samples():
    assert samples_per_stimulus(SAMPLES).status == "PASS"
    check = samples_per_stimulus([*SAMPLES, "b"])
    assert (check.status, check.value) == ("FAIL", 1)
    assert "such as b with 4" in check.sentence
    assert samples_per_stimulus(SAMPLES, known=["a", "b", "c", "d"]).status == "PASS"
    unseen = samples_per_stimulus(SAMPLES, known=["a", "e"])
    assert (unseen.status, unseen.value) == ("FAIL", 1)
    assert "such as e with 0" in unseen.sentence
    assert samples_per_stimulus([]).status == "NOT RUN"
