"""Optimisers over a batch of independent problems, one per image.

One step evaluates the objective once for all problems. An optimiser's whole state is in its
tensors, so that a search can be stopped, saved and resumed with bit-identical results.

`latent_descent` and `adamw` make the optimisers of this module from a study's settings.
`registry.OPTIMISERS` lists all such functions. They take

start : (n, d) initial parameters
settings : SearchSettings
bounds : (lower, upper), each broadcast to (n, d) or None
seed : seed of everything random in the search
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from deeprecon.reconstruct.settings import Range, SearchSettings

Bound = Tensor | float | None

Objective = Callable[[Tensor], Tensor]
"""(n, d) parameters -> (n,) losses; loss i depends on row i of the parameters only."""


class Optimiser(Protocol):
    """Interface of all optimisers.

    Attributes
    ----------
    n_iterations : maximum number of iterations
    """

    n_iterations: int

    @property
    def best(self) -> Tensor:
        """The parameters that the search has reached, (n, d)."""
        ...

    @property
    def iteration(self) -> int:
        """Minimum number of iterations over the problems."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all problems have ended."""
        ...

    def step(self, objective: Objective) -> Tensor:
        """Do one step with one evaluation; return the losses (n,) of `best` before it."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to resume."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state."""
        ...


def evaluate(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """Losses (n,) and gradients (n, d); one backward pass serves all rows."""
    x = x.detach().requires_grad_(True)
    losses = objective(x)
    (gradient,) = torch.autograd.grad(losses.sum(), x)
    return losses.detach(), gradient


class _Counted:
    """Base of optimisers in which every problem does one iteration per step."""

    def __init__(self, n_iterations: int) -> None:
        self.n_iterations, self.iteration = n_iterations, 0

    @property
    def finished(self) -> bool:
        return self.iteration >= self.n_iterations

    def _now(self, values: Range) -> float:
        """The current value of a range: linear from the first to (nearly) the last iteration."""
        return values[0] + self.iteration * (values[1] - values[0]) / self.n_iterations

    def state_dict(self) -> dict[str, Any]:
        """Tensors and the iteration."""
        kept = vars(self).items()
        return {key: value for key, value in kept if isinstance(value, Tensor)} | {
            "iteration": self.iteration
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state."""
        vars(self).update(state)


class LatentDescent(_Counted):
    """Gradient descent with momentum, decay and bounds: `icnn_dgn_gd` of Shen et al. 2019.

    Meant for the latents of a generator. Each iteration computes `g = gradient / mean |gradient|`,
    `d = momentum d + g` and `x = (1 - decay) (x - rate d)`, then clips x to its bounds. The result
    is the last point that was evaluated, as in the original.

    Parameters
    ----------
    start : (n, d)
    n_iterations : number of iterations
    learning_rate, momentum, decay : values at the first and (nearly) the last iteration
    lower, upper : bounds, broadcast to (n, d), or None
    """

    def __init__(
        self,
        start: Tensor,
        n_iterations: int,
        learning_rate: Range = (2.0, 1e-10),
        momentum: Range = (0.9, 0.9),
        decay: Range = (0.01, 0.01),
        lower: Bound = None,
        upper: Bound = None,
    ) -> None:
        super().__init__(n_iterations)
        self.x = start.clone()
        self.best = self.x
        self.delta = torch.zeros_like(start)
        self.rates = learning_rate, momentum, decay
        self.bounds = lower, upper

    def step(self, objective: Objective) -> Tensor:
        """Do one iteration; return the losses (n,) before it."""
        rate, momentum, decay = map(self._now, self.rates)
        self.best = self.x
        losses, gradient = evaluate(objective, self.x)
        self.delta = momentum * self.delta + normalised(gradient)
        self.x = clipped((1 - decay) * (self.x - rate * self.delta), *self.bounds)
        self.iteration += 1
        return losses


class TorchOptimiser(_Counted):
    """An optimiser of `torch.optim`, clipping the parameters before each evaluation.

    Parameters
    ----------
    start : (n, d)
    n_iterations : int
    make : makes the optimiser of a list of tensors, such as `torch.optim.AdamW`; one that treats
        each element by itself keeps the images independent
    lower, upper : bounds, broadcast to (n, d), or None
    """

    def __init__(
        self,
        start: Tensor,
        n_iterations: int,
        make: Callable[[list[Tensor]], torch.optim.Optimizer],
        lower: Bound = None,
        upper: Bound = None,
    ) -> None:
        super().__init__(n_iterations)
        self.bounds = lower, upper
        self.x = start.clone().requires_grad_(True)
        self.optimiser = make([self.x])

    @property
    def best(self) -> Tensor:
        """The parameters that the search has reached, (n, d)."""
        return clipped(self.x.detach(), *self.bounds)

    def step(self, objective: Objective) -> Tensor:
        """Do one iteration; return the losses (n,) before it."""
        self.x.data = clipped(self.x.data, *self.bounds)
        losses, self.x.grad = evaluate(objective, self.x)
        self.optimiser.step()
        self.iteration += 1
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to resume."""
        return {
            "x": self.x.detach(),
            "optimiser": self.optimiser.state_dict(),
            "iteration": self.iteration,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state."""
        self.x.data, self.iteration = state["x"], state["iteration"]
        self.optimiser.load_state_dict(state["optimiser"])


def latent_descent(
    start: Tensor, settings: SearchSettings, bounds: tuple[Bound, Bound], seed: int
) -> LatentDescent:
    """Gradient descent with the settings of a study."""
    rates = settings.learning_rate, settings.momentum, settings.decay
    return LatentDescent(start, settings.n_iterations, *rates, *bounds)


def adamw(
    start: Tensor, settings: SearchSettings, bounds: tuple[Bound, Bound], seed: int
) -> TorchOptimiser:
    """`torch.optim.AdamW` (Shirakawa et al. 2024) with the settings of a study."""
    rate, decay = settings.learning_rate[0], settings.decay[0]
    make = partial(torch.optim.AdamW, lr=rate, weight_decay=decay)
    return TorchOptimiser(start, settings.n_iterations, make, *bounds)


def normalised(gradient: Tensor) -> Tensor:
    """Divide each row by its mean absolute value, unless that is zero."""
    size = gradient.abs().mean(1, keepdim=True)
    return gradient / torch.where(size > 0, size, 1.0)


def clipped(x: Tensor, lower: Bound, upper: Bound) -> Tensor:
    """Clip to bounds; None stands for no bound."""
    x = x if lower is None else torch.maximum(x, torch.as_tensor(lower, dtype=x.dtype).to(x))
    return x if upper is None else torch.minimum(x, torch.as_tensor(upper, dtype=x.dtype).to(x))
