import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen

from deeprecon.reconstruct.optimise import lbfgs


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def starts(n=6, d=4):
    return torch.as_tensor(np.random.default_rng(0).uniform(-1.5, 1.5, (n, d)))


def test_reaches_the_minima_that_scipy_reaches():
    start = starts()
    x, losses = lbfgs(rosenbrock, start, 200)
    for row, begin in zip(x.numpy(), start.numpy(), strict=True):
        reference = minimize(rosen, begin, method="L-BFGS-B", options={"maxiter": 500})
        # Rosenbrock in four dimensions has a second minimum: compare with where scipy ends.
        assert rosen(row) < reference.fun + 1e-6 or rosen(row) == pytest.approx(3.70, abs=0.1)
    assert (losses[-1] < 1e-8).sum() >= 4


@pytest.mark.parametrize("n_evaluations", [60, 120])
def test_converges_as_fast_as_scipy(n_evaluations):
    """An ill-conditioned quadratic (condition number 1000), equal numbers of evaluations."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    matrix = basis @ np.diag(np.logspace(-1.5, 1.5, 20)) @ basis.T
    reference = minimize(
        lambda x: (x @ matrix @ x, 2 * matrix @ x), np.ones(20), jac=True, method="L-BFGS-B",
        options={"maxfun": n_evaluations, "maxiter": 1000, "ftol": 0, "gtol": 0},
    )  # fmt: skip
    torch_matrix = torch.as_tensor(matrix)
    _, losses = lbfgs(
        lambda x: ((x @ torch_matrix) * x).sum(1), torch.ones(2, 20).double(), n_evaluations
    )
    assert losses[-1].max() < 3 * reference.fun


def test_rows_are_independent():
    start = starts()
    together, _ = lbfgs(rosenbrock, start, 60)
    for i in range(len(start)):
        alone, _ = lbfgs(rosenbrock, start[i : i + 1], 60)
        torch.testing.assert_close(together[i : i + 1], alone)


def test_loss_never_rises_and_is_that_of_the_result():
    x, losses = lbfgs(rosenbrock, starts(), 40)
    assert losses.shape == (40, 6)
    assert (losses.diff(dim=0) <= 0).all()
    torch.testing.assert_close(rosenbrock(x), losses[-1])


def test_stays_finite_where_a_step_leaves_the_domain():
    """log(x) is NaN for x < 0: such a trial is a failed step, not a result."""

    def objective(x):
        return (x - 0.1 * torch.log(x)).sum(1)

    x, losses = lbfgs(objective, torch.full((2, 3), 5.0).double(), 60, first_step=50.0)
    torch.testing.assert_close(x, torch.full((2, 3), 0.1).double(), atol=1e-4, rtol=0)
    assert losses.isfinite().all()


def test_at_the_minimum_it_stays():
    x, losses = lbfgs(lambda x: (x**2).sum(1), torch.zeros(2, 3), 5)
    assert (x == 0).all()
    assert (losses == 0).all()
