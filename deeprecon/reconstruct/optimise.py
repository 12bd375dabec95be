"""Optimisers over a batch of independent problems, one per image.

Each is an object that is stepped: one evaluation of the objective serves all problems. Its tensors
are all that it knows, so that a search can be stopped, saved and taken up again to the same bit.
`lbfgsb.LBFGSB` is another of them.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from deeprecon.reconstruct.presets import Range

Objective = Callable[[Tensor], Tensor]
"""(n, d) parameters -> (n,) losses; row i depends on parameters of row i only."""


class Optimiser(Protocol):
    """What all optimisers have.

    Attributes
    ----------
    best : (n, d) what the search has come to
    n_iterations : it ends after so many
    """

    n_iterations: int

    @property
    def best(self) -> Tensor:
        """(n, d) what the search has come to."""
        ...

    @property
    def iteration(self) -> int:
        """How many iterations the slowest problem has done."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all problems have come to an end."""
        ...

    def step(self, objective: Objective) -> Tensor:
        """Evaluate once, move on; losses (n,) of what the search had come to."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        ...


def evaluate(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """Losses (n,) and gradients (n, d); one backward pass serves all rows."""
    x = x.detach().requires_grad_(True)
    losses = objective(x)
    (gradient,) = torch.autograd.grad(losses.sum(), x)
    return losses.detach(), gradient


class _Counted:
    """Common to optimisers whose problems all do one iteration a step."""

    def __init__(self, n_iterations: int) -> None:
        self.n_iterations, self.iteration = n_iterations, 0

    @property
    def finished(self) -> bool:
        return self.iteration >= self.n_iterations

    def _now(self, values: Range) -> float:
        """A value that goes linearly from the first to (nearly) the last iteration."""
        return values[0] + self.iteration * (values[1] - values[0]) / self.n_iterations

    def state_dict(self) -> dict[str, Any]:
        """Tensors and the iteration."""
        kept = vars(self).items()
        return {key: value for key, value in kept if isinstance(value, Tensor)} | {
            "iteration": self.iteration
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        vars(self).update(state)


class LatentDescent(_Counted):
    """Gradient descent with momentum and decay between bounds: `icnn_dgn_gd` of Shen et al. 2019.

    For the latents of a generator. Each iteration: `g = gradient / mean |gradient|`,
    `d = momentum d + g`, `x = (1 - decay) (x - rate d)`, then x is clipped to its bounds. What the
    search comes to is the last point that was evaluated, as in the original.

    Parameters
    ----------
    start : (n, d)
    n_iterations : int
    learning_rate, momentum, decay : at the first and (nearly) the last iteration
    lower, upper : bounds, broadcast to (n, d); None: none
    """

    def __init__(
        self,
        start: Tensor,
        n_iterations: int,
        learning_rate: Range = (2.0, 1e-10),
        momentum: Range = (0.9, 0.9),
        decay: Range = (0.01, 0.01),
        lower: Tensor | float | None = None,
        upper: Tensor | float | None = None,
    ) -> None:
        super().__init__(n_iterations)
        self.x = start.clone()
        self.best = self.x
        self.delta = torch.zeros_like(start)
        self.rates = learning_rate, momentum, decay
        self.bounds = lower, upper

    def step(self, objective: Objective) -> Tensor:
        """One iteration; losses (n,) before it."""
        rate, momentum, decay = map(self._now, self.rates)
        self.best = self.x
        losses, gradient = evaluate(objective, self.x)
        self.delta = momentum * self.delta + normalised(gradient)
        self.x = clipped((1 - decay) * (self.x - rate * self.delta), *self.bounds)
        self.iteration += 1
        return losses


class AdamW(_Counted):
    """`torch.optim.AdamW` with latents clipped before each evaluation: Shirakawa et al. 2024.

    Parameters
    ----------
    start : (n, d)
    n_iterations, learning_rate : as `torch.optim.AdamW` has them
    weight_decay : in units of the learning rate
    lower, upper : bounds, broadcast to (n, d); None: none
    """

    def __init__(
        self,
        start: Tensor,
        n_iterations: int,
        learning_rate: float = 0.1,
        weight_decay: float = 0.01,
        lower: Tensor | float | None = None,
        upper: Tensor | float | None = None,
    ) -> None:
        super().__init__(n_iterations)
        self.bounds = lower, upper
        self.x = start.clone().requires_grad_(True)
        self.adam = torch.optim.AdamW([self.x], lr=learning_rate, weight_decay=weight_decay)

    @property
    def best(self) -> Tensor:
        """(n, d) what the search has come to."""
        return clipped(self.x.detach(), *self.bounds)

    def step(self, objective: Objective) -> Tensor:
        """One iteration; losses (n,) before it."""
        self.x.data = clipped(self.x.data, *self.bounds)
        losses, self.x.grad = evaluate(objective, self.x)
        self.adam.step()
        self.iteration += 1
        return losses

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "x": self.x.detach(),
            "adam": self.adam.state_dict(),
            "iteration": self.iteration,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.x.data, self.iteration = state["x"], state["iteration"]
        self.adam.load_state_dict(state["adam"])


def normalised(gradient: Tensor) -> Tensor:
    """Each row divided by the mean of its absolute values, where that is not zero."""
    size = gradient.abs().mean(1, keepdim=True)
    return gradient / torch.where(size > 0, size, 1.0)


def clipped(x: Tensor, lower: Tensor | float | None, upper: Tensor | float | None) -> Tensor:
    """Between bounds, of which there may be none."""
    x = x if lower is None else torch.maximum(x, torch.as_tensor(lower, dtype=x.dtype).to(x))
    return x if upper is None else torch.minimum(x, torch.as_tensor(upper, dtype=x.dtype).to(x))
