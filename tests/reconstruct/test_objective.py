import numpy as np
import pytest
import torch

from deeprecon.errors import InputError
from deeprecon.features.networks import load
from deeprecon.features.statistics import LayerStatistics, channel_sd
from deeprecon.reconstruct.invert import _halving, reconstruct
from deeprecon.reconstruct.objective import FeatureLoss, match_contrast
from deeprecon.reconstruct.presets import Settings
from deeprecon.reconstruct.priors import FourierPrior, total_variation

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network():
    return load("efficientnet_lite0")


def test_match_contrast_undoes_shrinkage():
    """Features shrunk towards the training mean get back the SD, keep their own mean level."""
    true = RNG.normal(3, 2, (6, 4, 8, 8)).astype(np.float32)
    mean = true.mean(axis=0)
    contrast = float(channel_sd(true - mean).mean())
    matched = match_contrast(mean + 0.1 * (true - mean), mean, contrast)
    np.testing.assert_allclose(channel_sd(matched - mean), contrast, rtol=1e-4)
    np.testing.assert_allclose(
        (matched - mean).mean(axis=(1, 2, 3)), 0.1 * (true - mean).mean(axis=(1, 2, 3)), atol=1e-5
    )


def test_match_contrast_of_vectors_and_of_the_mean_itself():
    mean = RNG.normal(size=10).astype(np.float32)
    decoded = np.stack([mean, mean + RNG.normal(size=10)]).astype(np.float32)
    matched = match_contrast(decoded, mean, 2.0)
    np.testing.assert_allclose(matched[0], mean)
    assert (matched[1] - mean).std(ddof=1) == pytest.approx(2.0, rel=1e-4)


def test_loss_is_zero_at_the_image_and_one_at_the_mean(network):
    images = torch.as_tensor(RNG.uniform(0, 255, (2, 3, 32, 32)).astype(np.float32))
    targets = dict(network.features(images, ["stem", "b2"]))
    other = network.features(images.flip(0), ["stem", "b2"])
    centres = {layer: values[0] for layer, values in other.items()}  # image 1 as the "mean"
    loss = FeatureLoss(network, {k: v[:1] for k, v in targets.items()}, centres)
    assert loss(images[:1]).item() == pytest.approx(0, abs=1e-6)
    assert loss(images[1:]).item() == pytest.approx(1, rel=1e-4)


def test_loss_by_hand(network):
    images = torch.as_tensor(RNG.uniform(0, 255, (3, 3, 32, 32)).astype(np.float32))
    targets = {k: v + 1 for k, v in network.features(images, ["stem", "b1"]).items()}
    weights = {"stem": 3.0, "b1": 1.0}
    found = FeatureLoss(network, targets, dict.fromkeys(targets, 0.0), weights)(images)
    expected = []
    for i in range(3):
        parts = {k: y[i].numel() / (y[i] ** 2).sum().item() for k, y in targets.items()}
        expected.append((3 * parts["stem"] + parts["b1"]) / 4)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_fourier_prior_starts_grey_stays_in_range_and_reaches_colours():
    prior = FourierPrior(32, decay=1.0)
    grey = prior(prior.start(2))
    torch.testing.assert_close(grey, torch.full((2, 3, 32, 32), 127.5))
    wild = prior(torch.as_tensor(RNG.normal(0, 20, (2, prior.n_parameters)).astype(np.float32)))
    assert 0 <= wild.min() <= wild.max() <= 255
    assert wild.std() > 50


def test_fourier_decay_favours_coarse_structure():
    noise = torch.as_tensor(RNG.normal(0, 0.1, (1, FourierPrior(32).n_parameters))).float()

    def roughness(decay):
        image = FourierPrior(32, decay)(noise) / 255
        return (total_variation(image) / image.std()).item()

    assert roughness(1.5) < roughness(1.0) < roughness(0.0)


def test_total_variation_by_hand():
    image = torch.zeros(1, 3, 4, 4)
    image[..., 2:] = 1.0  # one edge: 1 of 3 horizontal differences
    assert total_variation(image).item() == pytest.approx(1 / 3)


@pytest.fixture(scope="module")
def problem(network):
    """Three smooth images and their features."""
    coarse = RNG.uniform(20, 235, (3, 4, 4, 3))
    images = np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.uint8)
    x = torch.as_tensor(images).permute(0, 3, 1, 2).float()
    targets = {k: v.numpy() for k, v in network.features(x, ["stem", "b1"]).items()}
    zero = {
        k: LayerStatistics(np.zeros(v.shape[1:], np.float32), np.ones(v.shape[1:]), 1.0)
        for k, v in targets.items()
    }
    return images, targets, zero


def test_true_features_give_the_image_back(network, problem):
    images, targets, statistics = problem
    settings = Settings(n_evaluations=60, total_variation=0.0)
    result = reconstruct(targets, network, 32, statistics, settings, match=False)
    assert result.images.shape == images.shape
    for true, found in zip(images, result.images, strict=True):
        assert np.corrcoef(true.ravel(), found.ravel())[0, 1] > 0.95
    assert result.loss.shape == (60, 3)


def test_same_result_in_any_batch_and_each_time(network, problem):
    _, targets, statistics = problem
    settings = Settings(n_evaluations=8)
    whole = reconstruct(targets, network, 32, statistics, settings, match=False)
    again = reconstruct(targets, network, 32, statistics, settings, match=False)
    np.testing.assert_array_equal(whole.raw, again.raw)
    parts = reconstruct(targets, network, 32, statistics, settings, match=False, batch_size=2)
    np.testing.assert_allclose(whole.raw, parts.raw, atol=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {}, "no target layers"),
        (lambda t: {"b99": t["stem"]}, "unknown layer 'b99'"),
        (lambda t: {"stem": t["stem"], "b1": t["b1"][:2]}, "different numbers of images"),
        (lambda t: {"stem": t["stem"] * np.nan}, "layer stem: targets are not finite"),
        (lambda t: {"stem": t["stem"] * 0}, "layer stem: a target equals the mean"),
        (lambda t: {"stem": t["stem"][:, :, :8]}, "layer stem: targets have unit shape"),
    ],
)
def test_bad_targets(network, problem, change, message):
    _, targets, statistics = problem
    bad = change(targets)
    statistics = {
        k: LayerStatistics(np.zeros(v.shape[1:], np.float32), np.ones(1), 1.0)
        for k, v in bad.items()
    }
    with pytest.raises(InputError, match=message):
        reconstruct(bad, network, 32, statistics, Settings(n_evaluations=2), match=False)


def test_a_full_gpu_halves_the_batch_and_goes_on():
    """Batches of more than two images do not fit: each image is still done once, in order."""
    tried = []

    def run(rows):
        tried.append(rows.stop - rows.start)
        if tried[-1] > 2:
            raise torch.cuda.OutOfMemoryError
        return [torch.arange(7)[rows]]

    parts = _halving(run, n=7, batch_size=8)
    assert torch.cat([part for (part,) in parts]).tolist() == list(range(7))
    assert tried == [8, 4, 2, 2, 2, 2]


def test_one_image_that_does_not_fit_is_an_error():
    def run(rows):
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(torch.cuda.OutOfMemoryError):
        _halving(run, n=3, batch_size=4)
