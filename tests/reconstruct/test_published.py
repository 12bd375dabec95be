"""The published methods, each against an independent implementation of its recursion.

The reference implementations follow the lab's code: images are BGR minus the mean colour, treated
one at a time, with NumPy outside the network.
"""

import numpy as np
import pytest
import scipy.ndimage
import scipy.optimize
import torch

from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.generator_prior import GeneratorPrior
from deeprecon.reconstruct.image_descent import clip_extreme, tv_gradient, zero_weak
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.reconstruct.losses import _dists_weights
from deeprecon.reconstruct.presets import PRESETS, settings_of
from deeprecon.reconstruct.priors import PixelPrior
from deeprecon.reconstruct.problem import image_seed
from tests.reconstruct.tiny import (
    MEAN_BGR,
    SIZE,
    TinyGenerator,
    TinyNetwork,
    features,
    images,
    statistics,
)

NETWORK = TinyNetwork()
STATISTICS = statistics(NETWORK)
LAYERS = NETWORK.layers
MEAN = np.array(MEAN_BGR, np.float32)[:, None, None]
ON_CPU = Compute(device="cpu")


@pytest.fixture(scope="module")
def decoded():
    """Features shrunk towards the training mean, with noise, as decoders predict them."""
    rng = np.random.default_rng(5)
    true = features(NETWORK, images())
    return {
        layer: (
            STATISTICS[layer].mean
            + 0.3 * (y - STATISTICS[layer].mean)
            + rng.normal(0, 0.05 * y.std(), y.shape)
        ).astype(np.float32)
        for layer, y in true.items()
    }


def sd_of(y):
    """SD of one image's features in a layer: mean over channels, or over all units of a vector."""
    return np.std(y) if y.ndim == 1 else np.mean([np.std(channel) for channel in y])


def targets_2019(decoded, i):
    """Norm correction of Shen et al. 2019, and the weights of layers."""
    targets = {
        layer: decoded[layer][i] / sd_of(decoded[layer][i]) * STATISTICS[layer].scale
        for layer in LAYERS
    }
    weights = {layer: 1 / np.sum(y.astype(np.float64) ** 2) for layer, y in targets.items()}
    total = sum(weights.values())
    return targets, {layer: weight / total for layer, weight in weights.items()}


def loss_and_gradient(x, targets, weights):
    """Weighted sum of squares and its gradient by the BGR image (3, size, size)."""
    image = torch.tensor(np.asarray(x, np.float32), requires_grad=True)
    found = NETWORK.of_bgr(image[None], LAYERS)
    loss = sum(
        float(weights[layer]) * (found[layer][0] - torch.tensor(targets[layer])).square().sum()
        for layer in LAYERS
    )
    loss.backward()
    return loss.item(), image.grad.numpy()


def rgb(x):
    """A BGR image minus the mean, (3, size, size), as an RGB image (size, size, 3)."""
    return (x + MEAN)[::-1].transpose(1, 2, 0)


def test_2019_pixel_is_lbfgsb_of_scipy(decoded):
    # float32 rounding grows from step to step: 2e-6 of the loss after 14 of them, 1e-5 after 20.
    settings = settings_of("2019-pixel", {"n_iterations": 14})
    found = reconstruct(decoded, NETWORK, SIZE, STATISTICS, settings, compute=ON_CPU)
    bounds = [(-m, 255 - m) for m in MEAN_BGR for _ in range(SIZE * SIZE)]
    for i in range(3):
        targets, weights = targets_2019(decoded, i)

        def objective(x):
            loss, gradient = loss_and_gradient(x.reshape(3, SIZE, SIZE), targets, weights)  # noqa: B023
            return loss, gradient.ravel().astype(np.float64)

        history = [objective(np.zeros(3 * SIZE * SIZE))[0]]
        result = scipy.optimize.minimize(
            objective, np.zeros(3 * SIZE * SIZE), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 14}, callback=lambda x: history.append(objective(x)[0]),  # noqa: B023
        )  # fmt: skip
        accepted = found.loss[np.r_[True, np.diff(found.loss[:, i]) != 0], i]
        np.testing.assert_allclose(accepted, history, rtol=1e-5)
        np.testing.assert_allclose(found.raw[i], rgb(result.x.reshape(3, SIZE, SIZE)), atol=0.05)


def icnn_gd(start, targets, weights, n_iterations, blur, decay, extra):
    """Reference `icnn_gd`: the losses, and the image after the last update."""
    x, delta, losses = start.astype(np.float32), np.zeros_like(start), []
    for t in range(n_iterations):

        def now(first, last):
            return first + t * (last - first) / n_iterations  # noqa: B023

        loss, gradient = loss_and_gradient(x, targets, weights)
        losses.append(loss)
        gradient = gradient / np.abs(gradient).mean()
        delta = delta * 0.9 + gradient
        if "penalty" in extra:
            delta = delta + extra["penalty"](x)
        x = x - now(2.0, 1e-10) * delta
        if (t + 1) % 4 == 0 and "clip" in extra:
            x = extra["clip"](x, gradient)
        x = (1 - now(*decay)) * x
        sigma = now(*blur)
        if sigma > 0:
            x = np.stack([scipy.ndimage.gaussian_filter(channel, sigma) for channel in x])
    return losses, x


def pixel_noise(i):
    """The random start of an image, which is not in the result, from the prior."""
    generator = torch.Generator().manual_seed(image_seed(0, 0, i))
    start = PixelPrior(SIZE, NETWORK.mean_image, "noise").start(1, generator)
    return start.reshape(3, SIZE, SIZE).flip(0).numpy()


@pytest.mark.parametrize("options", [{}, {"tv_norm": 0.5, "p_norm": 0.5}, {"clip_extreme": 2.0}])
def test_icnn_gd(decoded, options):
    settings = settings_of("icnn-gd", {"n_iterations": 30, **options})
    found = reconstruct(decoded, NETWORK, SIZE, STATISTICS, settings, compute=ON_CPU)
    extra = {}
    if "tv_norm" in options:
        extra["penalty"] = lambda x: sum(
            0.5 * g / np.abs(g).mean() for g in (3 * np.abs(x) ** 2 * np.sign(x), tv_by_hand(x))
        )
    if "clip_extreme" in options:
        extra["clip"] = lambda x, g: np.clip(x, np.percentile(x, 1), np.percentile(x, 99))
    for i in range(3):
        targets, _ = targets_2019(decoded, i)
        equal = dict.fromkeys(LAYERS, 1 / 3)
        start = pixel_noise(i)
        losses, x = icnn_gd(start, targets, equal, 30, (2.0, 0.5), (0.2, 1e-10), extra)
        np.testing.assert_allclose(found.loss[:, i], losses, rtol=1e-5)
        np.testing.assert_allclose(found.raw[i], rgb(x), atol=0.02)


def tv_by_hand(x):
    """Gradient of the sum of squared differences, pixel by pixel."""
    gradient = np.zeros_like(x)
    for c, i, j in np.ndindex(*x.shape):
        for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if 0 <= a < x.shape[1] and 0 <= b < x.shape[2]:
                gradient[c, i, j] += 2 * (x[c, i, j] - x[c, a, b])
    return gradient


def test_tv_gradient_is_that_of_its_sum():
    x = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    total = x.diff(dim=2).square().sum() + x.diff(dim=3).square().sum()
    total.backward()
    torch.testing.assert_close(tv_gradient(x.detach()), x.grad)


def test_clipping_by_hand():
    pixels = torch.arange(48.0).reshape(1, 3, 4, 4)
    low, high = np.percentile(pixels, [5, 95])
    assert clip_extreme(pixels, 10).min() == pytest.approx(low)
    assert clip_extreme(pixels, 10).max() == pytest.approx(high)
    weak = zero_weak(pixels, pixels, 50)  # half of the pixels, those of the smallest norm
    assert (weak == 0).all(dim=1).sum() == 8
    torch.testing.assert_close(weak[..., 2:, :], pixels[..., 2:, :])


def test_jitter_shifts_the_image_and_returns_it(decoded):
    """Without blur and decay, jitter changes the search but not the position of the image."""
    still = {"n_iterations": 40, "blur": [0, 0], "decay": [0, 0], "start": 0.0}
    plain = settings_of("icnn-gd", still)
    shaken = settings_of("icnn-gd", {**still, "jitter": 1})
    true = features(NETWORK, images())
    calm, moved = (
        reconstruct(true, NETWORK, SIZE, STATISTICS, s, decoded=False, compute=ON_CPU)
        for s in (plain, shaken)
    )
    assert not np.array_equal(calm.raw, moved.raw)
    again = reconstruct(true, NETWORK, SIZE, STATISTICS, shaken, decoded=False, compute=ON_CPU)
    np.testing.assert_array_equal(moved.raw, again.raw)
    for i, picture in enumerate(images()):
        fits = [
            np.corrcoef(np.roll(moved.raw[i], s, 0).ravel(), picture.ravel())[0, 1]
            for s in (-3, 0, 3)
        ]
        assert np.argmax(fits) == 1


def test_the_lab_weights_of_dists_are_those_of_vgg19():
    weights = _dists_weights()
    assert len(weights) == 19
    assert weights["conv5_4"] == (0.5310432634795051, 0.0012780195483159135)
    assert weights["fc8"] == (0.06661523244761258, 0.008304840607742099)


def test_presets_have_the_published_numbers():
    """method.md (e, f), and the lab's repositories."""
    dgn, pixel, gd, new = (PRESETS[k] for k in ("2019-dgn", "2019-pixel", "icnn-gd", "2024"))
    assert (dgn.n_iterations, dgn.learning_rate, dgn.momentum, dgn.decay) == (
        200, (2.0, 1e-10), (0.9, 0.9), (0.01, 0.01),
    )  # fmt: skip
    assert (dgn.loss, dgn.layer_weights, dgn.scaling, dgn.start) == ("squared", "norm", "sd", 0.0)
    assert (pixel.prior, pixel.optimiser, pixel.n_iterations) == ("pixel", "lbfgsb", 200)
    assert (gd.decay, gd.blur, gd.jitter, gd.start) == ((0.2, 1e-10), (2.0, 0.5), 0, "noise")
    assert (new.n_iterations, new.learning_rate[0], new.start, new.loss) == (
        800,
        0.1,
        0.01,
        "dists",
    )


class LatentPrior(GeneratorPrior):
    """The tiny generator, whose images of 24 pixels are cropped or resized to 16."""

    def __init__(self, upper, **options):
        super().__init__(_Named(), SIZE, torch.tensor(MEAN_BGR[::-1]), 0.0, upper, **options)


class _Named(TinyGenerator):
    latent_shape, image_size, spec = (5,), 24, {}


GENERATOR = TinyGenerator()
UPPER = torch.tensor([5.0, 10.0, 20.0, 30.0, 15.0])  # of fc7: 2 to 6, of 4096 latents


@pytest.fixture
def small_crops(monkeypatch):
    monkeypatch.setattr("deeprecon.reconstruct.generator_prior.MINIMUM_CROP", 0.5)


def test_2019_dgn(decoded, small_crops):
    """script 1, `icnn_dgn_gd`: the loss of 200 iterations, the image before the last update."""
    settings = settings_of("2019-dgn", {})
    prior = LatentPrior(UPPER)
    found = reconstruct(decoded, NETWORK, SIZE, STATISTICS, settings, prior=prior, compute=ON_CPU)
    assert len(found.loss) == 200
    for i in range(3):
        targets, weights = targets_2019(decoded, i)
        z, delta, losses = np.zeros(5, np.float32), np.zeros(5, np.float32), []
        for t in range(200):
            latent = torch.tensor(z[None], requires_grad=True)
            whole = GENERATOR(latent)[0]
            image = whole[:, 4:20, 4:20]
            loss, gradient = loss_and_gradient(image.detach().numpy(), targets, weights)
            losses.append(loss)
            padded = np.zeros((3, 24, 24), np.float32)
            padded[:, 4:20, 4:20] = gradient
            whole.backward(torch.tensor(padded))
            g = latent.grad[0].numpy()
            g = g / np.abs(g).mean()
            delta = 0.9 * delta + g
            z = z - (2 + t * (1e-10 - 2) / 200) * delta
            z = np.clip(0.99 * z, 0, UPPER.numpy()).astype(np.float32)
        np.testing.assert_allclose(found.loss[:, i], losses, rtol=1e-5)
        np.testing.assert_allclose(found.raw[i], rgb(image.detach().numpy()), atol=1e-2)


def dists_by_hand(x, y, a, b):
    """`dist_loss.py` for one layer and image: 4 times the DISTS-like part, and the squared part."""
    axes = tuple(range(1, x.ndim)) or (0,)
    mean_x, mean_y = x.mean(axes, keepdim=True), y.mean(axes, keepdim=True)
    s1 = (2 * mean_x * mean_y + 1e-6) / (mean_x**2 + mean_y**2 + 1e-6)
    var_x = ((x - mean_x) ** 2).mean(axes, keepdim=True)
    var_y = ((y - mean_y) ** 2).mean(axes, keepdim=True)
    covariance = (x * y).mean(axes, keepdim=True) - mean_x * mean_y
    s2 = (2 * covariance + 1e-6) / (var_x + var_y + 1e-6)
    return -4 * ((a * s1 + b * s2) / (a + b)).mean() + ((x - y) ** 2).sum() / (y**2).sum()


def test_2024(decoded):
    """spurious_reconstruction, iCNN: AdamW 0.1 on clamped latents, the whole image resized."""
    settings = settings_of("2024", {"n_iterations": 60})
    prior = LatentPrior(UPPER, start_sd=0.01, fit="resize")
    found = reconstruct(decoded, NETWORK, SIZE, STATISTICS, settings, prior=prior, compute=ON_CPU)
    for i in range(3):
        targets = {}
        for layer in LAYERS:
            y, mean = decoded[layer][i], STATISTICS[layer].mean
            targets[layer] = torch.tensor((y - mean) / sd_of(y) * STATISTICS[layer].scale + mean)
        generator = torch.Generator().manual_seed(image_seed(0, 0, i))
        z = prior.start(1, generator).requires_grad_(True)
        adam = torch.optim.AdamW([z], lr=0.1)
        losses = []
        for _ in range(60):
            z.data = torch.minimum(z.data.clamp(0), UPPER)
            adam.zero_grad()
            image = torch.nn.functional.interpolate(
                GENERATOR(z), (SIZE, SIZE), mode="bilinear", antialias=True
            )
            x = NETWORK.of_bgr(image, LAYERS)
            a, b = zip(*(_dists_weights().get(layer, (1.0, 1.0)) for layer in LAYERS), strict=True)
            parts = [
                dists_by_hand(x[layer][0], targets[layer], *pair)
                for layer, *pair in zip(LAYERS, a, b, strict=True)
            ]
            loss = sum(parts) / 3
            loss.backward()
            adam.step()
            losses.append(loss.item())
        np.testing.assert_allclose(found.loss[:, i], losses, rtol=1e-5, atol=1e-5)
