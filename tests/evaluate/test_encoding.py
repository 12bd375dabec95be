import numpy as np
import pytest

from deeprecon.decode.region import Region
from deeprecon.errors import InputError
from deeprecon.evaluate.encoding import (
    MINIMUM_VOXELS,
    EncodingModel,
    brain_correlation,
    brain_scores,
    responses,
    solve_kernel_ridge,
    training_responses,
)
from deeprecon.features.units import Units

RNG = np.random.default_rng(0)
N, N_UNITS, N_VOXELS = 120, 20, 40
FEATURES = RNG.standard_normal((N, N_UNITS))
WEIGHTS = RNG.standard_normal((N_UNITS, N_VOXELS))
WEIGHTS[:, 30:] = 0  # voxels that the images do not drive
RESPONSES = FEATURES @ WEIGHTS + RNG.standard_normal((N, N_VOXELS))
FOLDS = np.array_split(RNG.permutation(N), 5)


def model():
    return EncodingModel.fit(FEATURES, RESPONSES, FOLDS)


def test_dual_weights_are_those_of_ridge_regression():
    alpha = 0.3
    kernel = FEATURES @ FEATURES.T
    dual = solve_kernel_ridge(kernel, RESPONSES, alpha)
    ridge = alpha * np.diagonal(kernel).mean()
    primal = np.linalg.solve(
        FEATURES.T @ FEATURES + ridge * np.eye(N_UNITS), FEATURES.T @ RESPONSES
    )
    np.testing.assert_allclose(FEATURES.T @ dual, primal, atol=1e-8)


def test_driven_voxels_are_predicted_and_others_left_out():
    found = model()
    assert found.used[:30].all()
    assert found.used[30:].sum() <= 2
    assert found.accuracy[:30].min() > 0.7
    assert found.not_usable() is None
    test = RNG.standard_normal((25, N_UNITS))
    predicted = found.predict(test)[:, :30]
    truth = test @ WEIGHTS[:, :30]
    assert np.corrcoef(predicted.ravel(), truth.ravel())[0, 1] > 0.95


def test_accuracy_is_that_of_images_that_were_held_out():
    noise = RNG.standard_normal((N, N_VOXELS))
    found = EncodingModel.fit(FEATURES, noise, FOLDS)
    assert abs(found.accuracy.mean()) < 0.1  # in the training images it would be .4
    assert "the encoding model predicts" in str(found.not_usable())
    assert str(MINIMUM_VOXELS) in str(found.not_usable())


def test_copies_of_an_image_in_two_folds_would_look_like_accuracy():
    """The reason for folds of photographs: noise that comes twice is predicted."""
    twice = np.repeat(RNG.standard_normal((60, N_UNITS)), 2, axis=0)
    noise = np.repeat(RNG.standard_normal((60, N_VOXELS)), 2, axis=0)
    leaking = [np.arange(k, N, 2) for k in range(2)]
    apart = np.array_split(np.arange(N), 4)
    assert EncodingModel.fit(twice, noise, leaking).accuracy.mean() > 0.3
    assert EncodingModel.fit(twice, noise, apart).accuracy.mean() < 0.15


def test_a_model_reads_back_as_it_was(tmp_path):
    found = model()
    found.save(tmp_path / "encoding.h5", {"study": "s"})
    back = EncodingModel.load(tmp_path / "encoding.h5")
    np.testing.assert_array_equal(back.predict(FEATURES), found.predict(FEATURES))
    assert back.alpha == found.alpha


@pytest.mark.parametrize("folds", [FOLDS[:1], []])
def test_fewer_than_two_folds_are_refused(folds):
    with pytest.raises(InputError, match="at least 2 folds"):
        EncodingModel.fit(FEATURES, RESPONSES, folds)


def test_features_of_another_network_are_refused():
    with pytest.raises(InputError, match="features of 3 units, expected 20"):
        model().predict(np.ones((2, 3)))


def region():
    """Training samples twice each, test samples of three stimuli, two each."""
    ids = [f"k{i}" for i in range(N)] * 2 + ["t0", "t1", "t2"] * 2
    sets = ["train"] * (2 * N) + ["natural"] * 6
    test = FEATURES[[5, 50, 100]] @ WEIGHTS
    voxels = np.concatenate([RESPONSES, RESPONSES, test, test + 2])
    return Region.of(voxels.astype(np.float32), ids, sets, ["natural"])


def test_responses_are_averaged_in_units_of_the_training_samples():
    found, sd = responses(region(), "natural", ["t2", "t0"]), RESPONSES.std(axis=0, ddof=0)
    expected = (FEATURES[[100, 5]] @ WEIGHTS + 1 - RESPONSES.mean(axis=0)) / sd
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.01)
    assert training_responses(region()).shape == (N, N_VOXELS)
    np.testing.assert_allclose(training_responses(region()).std(axis=0), 1, rtol=0.02)


def test_the_right_pictures_fit_the_measured_responses_and_others_do_not():
    units = {"fc": Units.every((N_UNITS,))}
    found = EncodingModel.fit(FEATURES, training_responses(region()), FOLDS)
    ids = ["t0", "t1", "t2"]
    for pictures, least, most in ((FEATURES[[5, 50, 100]], 0.8, 1), (FEATURES[:3], -1, 0.6)):
        own, recon, true = brain_scores(
            found, {"fc": pictures}, units, region(), "natural", ids, 64
        )
        assert (own.metric, own.direction) == ("brain_correlation", "own")
        assert least <= own.values.mean() <= most
        assert [recon.direction, true.direction] == ["recon", "true"]
    with pytest.raises(InputError, match="no response to stimulus 't9'"):
        responses(region(), "natural", ["t9"])


def test_brain_correlation_is_over_voxels_image_by_image():
    a, b = RNG.standard_normal((2, 4, 30))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(brain_correlation(a, b), expected, atol=1e-12)
    with pytest.raises(InputError, match="shape"):
        brain_correlation(a, b[:, :3])
