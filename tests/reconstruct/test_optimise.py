from functools import partial

import numpy as np
import pytest
import torch

from deeprecon.reconstruct.image_descent import ImageDescent, Smoothing
from deeprecon.reconstruct.lbfgsb import LBFGSB
from deeprecon.reconstruct.optimise import LatentDescent, TorchOptimiser

SCALE = torch.as_tensor(np.geomspace(1, 50, 48)).float()
START = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 48))).float()


def bowl(x):
    """A quadratic with its minimum at 1; (n, 48) -> (n,)."""
    return (SCALE * (x - 1) ** 2).sum(1)


OPTIMISERS = {
    "latent_descent": lambda x: LatentDescent(x, 40, learning_rate=(0.05, 0.0), lower=-2, upper=2),
    "image_descent": lambda x: ImageDescent(
        x, 40, learning_rate=(0.01, 0.0), decay=(0, 0), smoothing=Smoothing((0.5, 0.1), jitter=1)
    ),
    "adamw": lambda x: TorchOptimiser(
        x, 40, partial(torch.optim.AdamW, lr=0.05), lower=-2.0, upper=2.0
    ),
    "lbfgsb": lambda x: LBFGSB(x.double(), -2.0, 2.0, n_iterations=40),
}


def run(optimiser, n_steps=10_000):
    losses = []
    while not optimiser.finished and len(losses) < n_steps:
        losses.append(optimiser.step(bowl))
    return torch.stack(losses)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_loss_falls(name):
    optimiser = OPTIMISERS[name](START)
    losses = run(optimiser)
    assert (losses[-1] < 0.5 * losses[0]).all()
    assert optimiser.finished
    assert optimiser.best.shape == START.shape
    assert 0 < optimiser.iteration <= optimiser.n_iterations


@pytest.mark.parametrize("name", OPTIMISERS)
def test_rows_are_independent(name):
    whole, alone = OPTIMISERS[name](START), OPTIMISERS[name](START[1:2])
    run(whole)
    run(alone)
    torch.testing.assert_close(whole.best[1:2], alone.best, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_search_taken_up_again_ends_at_the_same_bits(name, tmp_path):
    straight, first, second = (OPTIMISERS[name](START) for _ in range(3))
    run(straight)
    run(first, n_steps=7)
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    run(second)
    assert torch.equal(straight.best, second.best)


def test_adamw_is_that_of_torch_with_clipping_before_each_evaluation():
    """The lab's loop: clamp the latents in place, evaluate, step."""
    x = START.clone().requires_grad_(True)
    adam = torch.optim.AdamW([x], lr=0.1)
    expected = []
    for _ in range(30):
        x.data = x.data.clamp(0, 0.8)
        adam.zero_grad()
        loss = bowl(x)
        loss.sum().backward()
        adam.step()
        expected.append(loss.detach())
    make = partial(torch.optim.AdamW, lr=0.1, weight_decay=0.01)
    found = TorchOptimiser(START, 30, make, lower=0.0, upper=0.8)
    torch.testing.assert_close(run(found), torch.stack(expected))
    torch.testing.assert_close(found.best, x.data.clamp(0, 0.8))


def test_momentum_descent_is_sgd_of_torch_on_the_normalised_gradient():
    """Without decay and bounds; the recursion of method.md is torch's SGD with momentum."""
    x = START.clone().requires_grad_(True)
    sgd = torch.optim.SGD([x], lr=0.02, momentum=0.9)
    for _ in range(20):
        sgd.zero_grad()
        bowl(x).sum().backward()
        x.grad /= x.grad.abs().mean(1, keepdim=True)
        last = x.detach().clone()
        sgd.step()
    found = LatentDescent(START, 20, learning_rate=(0.02, 0.02), decay=(0, 0))
    run(found)
    torch.testing.assert_close(found.best, last)  # the point that was evaluated last
