"""The batched L-BFGS-B against SciPy's, row by row."""

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import nn

from deeprecon.errors import InputError
from deeprecon.reconstruct.lbfgsb import LBFGSB
from deeprecon.reconstruct.line_search import LineSearch

SCALE = torch.as_tensor(np.geomspace(1, 300, 30))
GOAL = torch.as_tensor(np.random.default_rng(2).normal(0, 2, 30))


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def quadratic(x):
    return (SCALE * (x - GOAL) ** 2).sum(1)


def plateau(x):
    """Flat far away and steep near the minimum: line searches of many kinds."""
    return (1 - torch.exp(-0.05 * (x - 0.3) ** 2) + 0.02 * torch.cos(3 * x) + 1e-3 * x**4).sum(1)


class _Matching:
    """Features of a small convolutional network, to be matched by images of 10 x 10 x 3 pixels."""

    def __init__(self):
        torch.manual_seed(6)
        self.network = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2), nn.Tanh(), nn.Conv2d(6, 8, 3), nn.Tanh(), nn.Flatten()
        ).double()
        self.network.requires_grad_(False)
        images = torch.rand(1, 300, dtype=torch.float64) * 255
        self.target = self._features(images)

    def _features(self, x):
        return self.network((x.reshape(-1, 3, 10, 10) - 127) / 60)

    def __call__(self, x):
        return (self._features(x) - self.target).square().sum(1)


matching = _Matching()


def random_starts(n, d, low, high, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (n, d))


PROBLEMS = {
    "rosenbrock": (rosenbrock, random_starts(4, 6, -1.5, 1.5), None, None),
    "rosenbrock in a box": (rosenbrock, random_starts(4, 6, -1, 0.8), -1.0, 0.8),
    "rosenbrock in a wide box": (rosenbrock, random_starts(4, 12, -2, 2), -10.0, 10.0),
    "rosenbrock above a bound": (rosenbrock, random_starts(4, 6, 0.5, 2), 0.5, None),
    "quadratic": (quadratic, random_starts(3, 30, -1, 1), None, None),
    "quadratic in a box": (quadratic, random_starts(3, 30, -1, 1), -1.0, 1.0),
    "plateau": (plateau, random_starts(4, 8, -9, 9), None, None),
    "plateau in a box": (plateau, random_starts(4, 8, -9, 9), -9.0, 9.0),
    "features": (matching, random_starts(2, 300, 100, 155), 0.0, 255.0),
    "features, narrow": (matching, random_starts(2, 300, 120, 130), 100.0, 150.0),
}


def of_scipy(objective, start, lower, upper, n_iterations):
    """The losses of SciPy's iterates and its result."""

    def both(x):
        point = torch.tensor(x[None], requires_grad=True)
        loss = objective(point)
        loss.sum().backward()
        return loss.item(), point.grad.numpy()[0]

    history = [both(start)[0]]
    result = scipy.optimize.minimize(
        both, start, jac=True, method="L-BFGS-B", bounds=[(lower, upper)] * len(start),
        options={"maxiter": n_iterations}, callback=lambda x: history.append(both(x)[0]),
    )  # fmt: skip
    return history, result


def run(search, objective, n_steps=10_000):
    """Losses of the rows' iterates: for each row, one for each of its iterations."""
    histories = [[] for _ in search.loss]
    for _ in range(n_steps):
        if search.finished:
            break
        search.step(objective)
        for i, history in enumerate(histories):
            if len(history) < int(search.n_iter[i]) + 1:
                history.append(search.loss[i].item())
    return histories


SAID_BY_SCIPY = {
    "converged: projected gradient": "NORM OF PROJECTED GRADIENT",
    "converged: relative reduction of the loss": "RELATIVE REDUCTION OF F",
    "iteration limit": "ITERATIONS REACHED LIMIT",
    "line search failed": "ABNORMAL",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_iterates_are_those_of_scipy(name):
    objective, starts, lower, upper = PROBLEMS[name]
    search = LBFGSB(torch.as_tensor(starts), lower, upper, n_iterations=25)
    histories = run(search, objective)
    for i, start in enumerate(starts):
        expected, result = of_scipy(objective, start, lower, upper, 25)
        np.testing.assert_allclose(histories[i], expected, rtol=2e-5, atol=1e-9)
        assert (search.n_iter[i], search.n_evaluations[i]) == (result.nit, result.nfev)
        assert SAID_BY_SCIPY[search.reason[i]] in result.message
        np.testing.assert_allclose(search.loss[i], result.fun, rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["rosenbrock", "quadratic in a box", "rosenbrock above a bound"])
def test_stops_where_scipy_stops(name):
    objective, starts, lower, upper = PROBLEMS[name]
    search = LBFGSB(torch.as_tensor(starts), lower, upper, n_iterations=500)
    run(search, objective)
    for i, start in enumerate(starts):
        _, result = of_scipy(objective, start, lower, upper, 500)
        assert SAID_BY_SCIPY[search.reason[i]] in result.message
        assert abs(search.n_iter[i] - result.nit) <= max(2, 0.1 * result.nit)
        np.testing.assert_allclose(search.loss[i], result.fun, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["features", "plateau", "rosenbrock in a box"])
def test_a_batch_is_its_rows_alone(name):
    objective, starts, lower, upper = PROBLEMS[name]
    whole = LBFGSB(torch.as_tensor(starts), lower, upper, n_iterations=12)
    run(whole, objective)
    for i in range(len(starts)):
        alone = LBFGSB(torch.as_tensor(starts[i : i + 1]), lower, upper, n_iterations=12)
        run(alone, objective)
        torch.testing.assert_close(alone.best[0], whole.best[i], rtol=1e-6, atol=1e-6)
        assert alone.n_evaluations[0] == whole.n_evaluations[i]


def test_every_point_lies_within_the_bounds():
    objective, starts, lower, upper = PROBLEMS["features, narrow"]
    seen = []

    def watched(x):
        seen.append((x.min().item(), x.max().item()))
        return objective(x)

    run(LBFGSB(torch.as_tensor(starts), lower, upper, n_iterations=20), watched)
    assert min(low for low, _ in seen) == lower
    assert max(high for _, high in seen) == upper


def test_start_outside_the_bounds_is_moved_within():
    search = LBFGSB(torch.full((1, 30), 9.0, dtype=torch.float64), -1.0, 1.0)
    assert (search.x == 1).all()
    run(search, quadratic)
    torch.testing.assert_close(search.best[0], GOAL.clamp(-1, 1), atol=1e-3, rtol=0)


def test_bounds_of_each_parameter():
    lower = torch.linspace(-3, 0, 30, dtype=torch.float64)
    upper = lower + torch.linspace(0, 4, 30, dtype=torch.float64)  # the first is fixed
    search = LBFGSB(torch.zeros(2, 30, dtype=torch.float64), lower, upper, n_iterations=300)
    run(search, quadratic)
    for row in search.best:
        torch.testing.assert_close(row, GOAL.clamp(lower, upper), atol=2e-3, rtol=0)


def test_rows_that_have_ended_stay():
    start = torch.as_tensor(np.stack([GOAL.numpy() + 1e-9, np.zeros(30)]))
    search = LBFGSB(start, n_iterations=30)
    search.step(quadratic)
    assert search.done.tolist() == [True, False]
    assert search.reason == ["converged: projected gradient", "running"]
    run(search, quadratic)
    assert torch.equal(search.best[0], start[0])
    assert search.n_evaluations[0] == 1
    assert search.n_evaluations[1] > 10


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_values_that_are_not_finite_shorten_the_step(bad):
    """log barrier: undefined beyond 0."""

    def barrier(x):
        value = (x**2 / 2 - torch.log(x)).sum(1)
        return torch.where((x > 0).all(1), value, bad)

    search = LBFGSB(torch.full((2, 3), 0.01, dtype=torch.float64), n_iterations=100)
    run(search, barrier)
    torch.testing.assert_close(search.best, torch.ones_like(search.best), atol=1e-3, rtol=0)


def test_all_values_not_finite_ends():
    search = LBFGSB(torch.ones(2, 3, dtype=torch.float64))
    run(search, lambda x: x.sum(1) * torch.nan, n_steps=100)
    assert search.finished


def test_lower_bound_above_upper():
    with pytest.raises(InputError, match="lower bound is above its upper bound"):
        LBFGSB(torch.zeros(1, 3), 1.0, torch.tensor([2.0, 0.5, 3.0]))


def test_resumed_searches_are_bit_identical():
    objective, starts, lower, upper = PROBLEMS["features"]
    straight = LBFGSB(torch.as_tensor(starts), lower, upper, n_iterations=25)
    run(straight, objective)
    for n_steps in (1, 2, 7):
        first, second = (
            LBFGSB(torch.as_tensor(starts), lower, upper, n_iterations=25) for _ in range(2)
        )
        run(first, objective, n_steps)
        second.load_state_dict(first.state_dict())
        run(second, objective)
        assert torch.equal(second.best, straight.best)


def test_many_breakpoints_are_searched_in_parts():
    """More parameters meet their bounds than are sorted at first."""
    generator = torch.Generator().manual_seed(3)
    goal = 4 * torch.randn(1, 6000, generator=generator, dtype=torch.float64)

    def far(x):
        return ((x - goal) ** 2).sum(1) + 0.1 * (x.sum(1) - 30) ** 2

    start = torch.zeros(1, 6000, dtype=torch.float64)
    search = LBFGSB(start, -1.0, 1.0, n_iterations=12)
    histories = run(search, far)
    expected, _ = of_scipy(far, start[0].numpy(), -1.0, 1.0, 12)
    np.testing.assert_allclose(histories[0], expected, rtol=1e-6)


@pytest.mark.parametrize("first_step", [1e-3, 0.1, 10.0, 1000.0])
def test_line_search_is_that_of_minpack(first_step):
    """Function 5.1 of Moré & Thuente (1994); steps as `scipy.optimize` takes them in Python."""
    from scipy.optimize._dcsrch import DCSRCH

    def f(s):
        return -s / (s**2 + 2)

    def slope(s):
        return (s**2 - 2) / (s**2 + 2) ** 2

    tried = []

    def watched(s):
        tried.append(s)
        return f(s)

    reference = DCSRCH(watched, slope, ftol=1e-3, gtol=0.9, xtol=0.1, stpmin=0, stpmax=1e10)
    reference(first_step, phi0=f(0.0), derphi0=slope(0.0), maxiter=30)
    search = LineSearch(torch.zeros(1, dtype=torch.float64))
    one = torch.ones(1, dtype=torch.float64)
    search.begin(torch.tensor([0]), first_step * one, 1e10 * one, f(0.0) * one, slope(0.0) * one)
    steps = [search.step.item()]
    for _ in range(30):
        if bool(search.advance(f(search.step), slope(search.step))):
            break
        steps.append(search.step.item())
    np.testing.assert_allclose(steps, tried[-len(steps) :], rtol=1e-12)
