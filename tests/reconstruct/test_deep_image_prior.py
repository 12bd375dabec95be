from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from deeprecon.errors import InputError
from deeprecon.reconstruct.deep_image_prior import DeepImagePrior
from deeprecon.reconstruct.optimise import TorchOptimiser
from tests.reconstruct.tiny import images

PRIOR = DeepImagePrior(32)


def start(n, seed=0):
    return PRIOR.start(n, torch.Generator().manual_seed(seed))


def of_one(parameters):
    """The network of one image as torch's own modules."""
    rest, x = parameters, PRIOR.noise

    def take(*shape):
        nonlocal rest
        n = int(np.prod(shape))
        part, rest = rest[:n].reshape(shape), rest[n:]
        return nn.Parameter(part)

    pairs = pairwise(PRIOR.channels)
    for (n_in, n_out), side in zip(pairs, PRIOR.sides, strict=True):
        conv = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        norm = nn.InstanceNorm2d(n_out, eps=1e-3, affine=True)
        conv.weight, norm.weight, norm.bias = take(n_out, n_in, 3, 3), take(n_out), take(n_out)
        x = nn.Upsample((side, side), mode="bilinear")(x)
        x = nn.LeakyReLU(0.1)(norm(conv(x)))
    last = nn.Conv2d(PRIOR.channels[-1], 3, 1)
    last.weight, last.bias = take(*last.weight.shape), take(3)
    assert not len(rest)
    return 255 * torch.sigmoid(last(x))[0]


def test_all_images_at_once_are_those_of_one_network_each():
    more = torch.randn(3, PRIOR.n_parameters, generator=torch.Generator().manual_seed(1))
    parameters = start(3) + 0.1 * more
    found = PRIOR(parameters)
    assert found.shape == (3, 3, 32, 32)
    for image, row in zip(found, parameters, strict=True):
        torch.testing.assert_close(image, of_one(row), rtol=1e-4, atol=1e-3)


def test_images_do_not_mix():
    x = start(3).requires_grad_(True)
    (gradient,) = torch.autograd.grad(PRIOR(x)[1].sum(), x)
    assert not gradient[[0, 2]].any()
    assert gradient[1].any()


def test_starts_are_random_by_the_seed():
    assert torch.equal(start(2), start(2))
    assert not torch.equal(start(2), start(2, seed=1))
    assert not torch.equal(*start(2))


def test_structure_is_fitted_before_noise():
    """The architecture is the prior: it fits a noisy image's structure before its noise."""
    clean = torch.tensor(np.kron(images(2), np.ones((1, 2, 2, 1)))).permute(0, 3, 1, 2).float()
    noisy = clean + 40 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    make = partial(torch.optim.AdamW, lr=0.02, weight_decay=0.0)
    search = TorchOptimiser(start(2), 120, make)
    while not search.finished:
        search.step(lambda x: (PRIOR(x) - noisy).square().flatten(1).mean(1))
    found = PRIOR(search.best)
    for one, true, target in zip(found, clean, noisy, strict=True):
        pairs = np.corrcoef([one.ravel(), true.ravel(), target.ravel()])
        assert pairs[0, 1] > 0.9
        assert (
            pairs[0, 1] > pairs[1, 2]
        )  # nearer to the clean image than to the noisy one it was fitted to


@pytest.mark.parametrize("size", [32, 48, 64, 224, 256])
def test_sizes(size):
    prior = DeepImagePrior(size)
    one = torch.Generator().manual_seed(0)
    assert prior(prior.start(1, one)).shape == (1, 3, size, size)
    assert prior.n_parameters < 150_000


@pytest.mark.parametrize("size", [16, 40])
def test_sizes_that_are_refused(size):
    with pytest.raises(InputError, match=f"image size {size}, expected a multiple of 16"):
        DeepImagePrior(size)
