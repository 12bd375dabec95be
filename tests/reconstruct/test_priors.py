import numpy as np
import torch

from deeprecon.reconstruct.losses import total_variation
from deeprecon.reconstruct.priors import FourierPrior, PixelPrior

RNG = np.random.default_rng(0)
MEAN = torch.tensor([123.0, 117.0, 104.0])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_fourier_prior_starts_grey_stays_in_range_and_reaches_colours():
    prior = FourierPrior(32, decay=1.0)
    grey = prior(prior.start(2, seeded()))
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


def test_pixels_start_at_the_mean_colour_and_end_at_black_and_white():
    prior = PixelPrior(4, MEAN)
    start = prior.start(2, seeded())
    assert prior(start)[0, :, 0, 0].tolist() == MEAN.tolist()
    assert prior(prior.lower[None]).unique().tolist() == [0.0]
    assert prior(prior.upper[None]).unique().tolist() == [255.0]


def test_noise_is_any_of_256_values():
    pixels = PixelPrior(32, MEAN, "noise")
    images = pixels(pixels.start(1, seeded()))
    assert images.min() >= 0
    assert images.max() <= 255
    torch.testing.assert_close(images, images.round(), atol=1e-4, rtol=0)
    assert len(images.round().unique()) > 240


def test_random_starts_come_from_the_generator():
    for prior in (FourierPrior(8, start_sd=0.5), PixelPrior(8, MEAN, 3.0)):
        one, same, other = (prior.start(1, seeded(s)) for s in (1, 1, 2))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
