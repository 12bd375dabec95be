import numpy as np
import pytest
import torch

from deeprecon.errors import InputError
from deeprecon.reconstruct.losses import norm_weights, total_variation
from deeprecon.reconstruct.objective import FeatureLoss
from deeprecon.reconstruct.registry import LOSSES
from tests.reconstruct.tiny import TinyNetwork, features, images

GENERATOR = torch.Generator().manual_seed(0)
TARGET = torch.randn(3, 4, 5, 5, generator=GENERATOR) + 1
FOUND = torch.randn(3, 4, 5, 5, generator=GENERATOR)
CENTRE = torch.randn(4, 5, 5, generator=GENERATOR)


def of(name, found=FOUND, target=TARGET, layer="conv1_1"):
    centre = torch.zeros(target.shape[1:]) if target.ndim == 2 else CENTRE
    return LOSSES[name].load()(target, centre, layer)(found).numpy()


def test_squared_and_relative_by_hand():
    squared = [np.sum((FOUND[i] - TARGET[i]).numpy() ** 2) for i in range(3)]
    power = [np.sum((TARGET[i] - CENTRE).numpy() ** 2) for i in range(3)]
    np.testing.assert_allclose(of("squared"), squared, rtol=1e-5)
    np.testing.assert_allclose(of("relative"), np.divide(squared, power), rtol=1e-5)


def test_correlation_is_that_of_numpy_and_free_of_scale():
    expected = [
        1 - np.corrcoef((FOUND[i] - CENTRE).ravel(), (TARGET[i] - CENTRE).ravel())[0, 1]
        for i in range(3)
    ]
    np.testing.assert_allclose(of("correlation"), expected, rtol=1e-5)
    scaled = CENTRE + 7 * (FOUND - CENTRE)
    np.testing.assert_allclose(of("correlation", scaled), expected, rtol=1e-4)


def dists_by_hand(x, y, a, b):
    """`LayerWiseDistsLoss` and `TargetNormalizedMSE` for one image, channel by channel."""
    channels = zip(np.atleast_2d(x.reshape(len(x), -1)), y.reshape(len(y), -1), strict=True)
    alike = []
    for p, q in channels if x.ndim > 1 else [(x, y)]:
        s1 = (2 * p.mean() * q.mean() + 1e-6) / (p.mean() ** 2 + q.mean() ** 2 + 1e-6)
        covariance = ((p - p.mean()) * (q - q.mean())).mean()
        s2 = (2 * covariance + 1e-6) / (p.var() + q.var() + 1e-6)
        alike.append((a * s1 + b * s2) / (a + b))
    return -4 * np.mean(alike) + np.sum((x - y) ** 2) / np.sum(y**2)


@pytest.mark.parametrize(
    ("layer", "a", "b"),
    [("conv1_1", 0.009952859626673973, 0.000865427897168344), ("b7", 1, 1)],
)
def test_dists_by_hand(layer, a, b):
    expected = [dists_by_hand(FOUND[i].numpy(), TARGET[i].numpy(), a, b) for i in range(3)]
    np.testing.assert_allclose(of("dists", layer=layer), expected, rtol=1e-4)


def test_dists_of_vectors_by_hand():
    x, y = FOUND.flatten(1), TARGET.flatten(1)
    expected = [dists_by_hand(x[i].numpy(), y[i].numpy(), 1, 1) for i in range(3)]
    np.testing.assert_allclose(of("dists", x, y, "b7"), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "minimum"), [("squared", 0), ("relative", 0), ("correlation", 0), ("dists", -4)]
)
def test_every_loss_has_its_minimum_at_the_target(name, minimum):
    np.testing.assert_allclose(of(name, TARGET), minimum, atol=1e-5)
    assert (of(name) > minimum + 0.1).all()


def test_norm_weights_sum_to_one_and_favour_small_layers():
    weights = norm_weights({"a": TARGET, "b": 2 * TARGET})
    np.testing.assert_allclose(weights["a"] + weights["b"], 1)
    np.testing.assert_allclose(weights["a"] / weights["b"], 4, rtol=1e-5)


def test_total_variation_by_hand():
    image = torch.zeros(1, 3, 4, 4)
    image[..., 2:] = 1.0  # one edge: 1 of 3 horizontal differences
    assert total_variation(image).item() == pytest.approx(1 / 3)


def problem():
    network = TinyNetwork()
    targets = {k: torch.as_tensor(v) for k, v in features(network, images()).items()}
    centres = {k: v.mean(0) for k, v in targets.items()}
    return network, targets, centres, torch.as_tensor(images()).permute(0, 3, 1, 2).float()


def test_feature_loss_is_zero_at_the_image_and_one_at_the_mean():
    network, targets, _, shown = problem()
    first = {k: v[:1] for k, v in targets.items()}
    loss = FeatureLoss(network, first, {k: v[1] for k, v in targets.items()})
    assert loss(shown[:1]).item() == pytest.approx(0, abs=1e-6)
    assert loss(shown[1:2]).item() == pytest.approx(1, rel=1e-4)  # the "mean" is image 2


def test_weights_of_layers_are_divided_by_their_sum():
    network, targets, centres, shown = problem()
    weights = {"conv1": 3.0, "conv2": 1.0, "fc": 0.0}
    loss = FeatureLoss(network, targets, centres, "relative", weights)
    parts = loss.of_layers(shown.flip(0))
    expected = (3 * parts["conv1"] + parts["conv2"]) / 4
    torch.testing.assert_close(loss(shown.flip(0)), expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t, c: t | {"fc": t["fc"] * np.nan}, "layer fc: targets are not finite"),
        (lambda t, c: t | {"conv1": t["conv1"][:, :3]}, "layer conv1: targets have unit shape"),
    ],
)
def test_bad_targets(spoil, message):
    network, targets, centres, _ = problem()
    with pytest.raises(InputError, match=message):
        FeatureLoss(network, spoil(targets, centres), centres)
