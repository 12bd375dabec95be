"""Optimisers over a batch of independent problems, one per image."""

from collections.abc import Callable

import torch
from torch import Tensor

Objective = Callable[[Tensor], Tensor]
"""(n, d) parameters -> (n,) losses; row i depends on parameters of row i only."""


def _evaluate(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """Losses (n,) and gradients (n, d); one backward pass serves all rows."""
    x = x.detach().requires_grad_(True)
    losses = objective(x)
    (gradient,) = torch.autograd.grad(losses.sum(), x)
    return losses.detach(), gradient


class _History:
    """The last `size` steps and gradient changes of every row, in a ring of its own per row."""

    def __init__(self, x: Tensor, size: int) -> None:
        self.steps = x.new_zeros(size, *x.shape)
        self.changes = x.new_zeros(size, *x.shape)
        self.rho = x.new_zeros(size, len(x))  # 1 / (step . change); 0 marks an empty place
        self.scale = x.new_ones(len(x))
        self.next = torch.zeros(len(x), dtype=torch.long, device=x.device)
        self.rows = torch.arange(len(x), device=x.device)

    def push(self, keep: Tensor, step: Tensor, change: Tensor) -> None:
        """Remember step and change of the rows where `keep` holds and the curvature is positive."""
        curvature = (step * change).sum(1)
        square = (change * change).sum(1)
        keep = keep & (curvature > 1e-10 * square)
        rows, place = self.rows[keep], self.next[keep]
        self.steps[place, rows] = step[keep]
        self.changes[place, rows] = change[keep]
        self.rho[place, rows] = 1 / curvature[keep]
        self.scale[keep] = curvature[keep] / square[keep]
        self.next[keep] = (place + 1) % len(self.steps)

    def direction(self, gradient: Tensor) -> Tensor:
        """Two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), row by row: (n, d)."""
        size = len(self.steps)
        newest_first = [(self.next - 1 - k) % size for k in range(size)]
        q, alphas = gradient.clone(), []
        for place in newest_first:
            alpha = self.rho[place, self.rows] * (self.steps[place, self.rows] * q).sum(1)
            q -= alpha[:, None] * self.changes[place, self.rows]
            alphas.append(alpha)
        q *= self.scale[:, None]
        for place, alpha in zip(reversed(newest_first), reversed(alphas), strict=True):
            beta = self.rho[place, self.rows] * (self.changes[place, self.rows] * q).sum(1)
            q += (alpha - beta)[:, None] * self.steps[place, self.rows]
        return -q


def lbfgs(
    objective: Objective,
    start: Tensor,
    n_evaluations: int,
    history: int = 10,
    first_step: float = 1.0,
    callback: Callable[[int, Tensor], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Limited-memory BFGS on every row at once, each with a line search of its own.

    Each evaluation of the network serves all rows: rows whose trial point decreases the loss
    enough (Armijo, c = 1e-4) take it and choose a new direction; the others shorten their step by
    quadratic interpolation and try again. After Nocedal & Wright 2006, chapters 3 and 7; the
    curvature condition is met by skipping updates that violate it.

    Parameters
    ----------
    objective : (n, d) tensor -> (n,) losses
    start : (n, d) tensor
    n_evaluations : evaluations of the objective, the first included
    history : number of remembered steps
    first_step : length of the first step, in units of the parameters
    callback : called with (evaluation, losses) after each evaluation

    Returns
    -------
    x : (n, d) best parameters of each row
    losses : (n_evaluations, n), the accepted loss of each row after each evaluation

    Examples
    --------
    >>> target = torch.tensor([[1.0, 2.0], [3.0, -4.0]])
    >>> x, losses = lbfgs(lambda x: ((x - target) ** 2).sum(1), torch.zeros(2, 2), 10)
    >>> x.round(decimals=4)
    tensor([[ 1.,  2.],
            [ 3., -4.]])
    """
    x = start.detach().clone()
    loss, gradient = _evaluate(objective, x)
    memory = _History(x, history)
    direction = -gradient
    step = first_step / gradient.norm(dim=1).clamp_min(1e-30)
    losses = [loss]
    for evaluation in range(1, n_evaluations):
        slope = (gradient * direction).sum(1)
        trial = x + step[:, None] * direction
        new_loss, new_gradient = _evaluate(objective, trial)
        accept = new_loss <= loss + 1e-4 * step * slope
        memory.push(accept, trial - x, new_gradient - gradient)

        # Quadratic through loss, slope and the loss at the failed step; kept within [0.1, 0.5].
        bend = 2 * (new_loss - loss - step * slope)
        shorter = (-slope * step / bend).nan_to_num(0.1).clamp(0.1, 0.5) * step
        loss = torch.where(accept, new_loss, loss)
        x = torch.where(accept[:, None], trial, x)
        gradient = torch.where(accept[:, None], new_gradient, gradient)
        direction = torch.where(accept[:, None], memory.direction(gradient), direction)
        step = torch.where(accept, torch.ones_like(step), shorter)
        losses.append(loss)
        if callback is not None:
            callback(evaluation, loss)
    return x, torch.stack(losses)
