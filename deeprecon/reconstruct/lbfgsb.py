"""L-BFGS-B on a batch of problems, one per row, each with its own memory and line search.

The algorithm of Byrd, Lu, Nocedal & Zhu (1995) in its version 3.0 (Morales & Nocedal 2011). It
equals `scipy.optimize.minimize(method="L-BFGS-B")` row by row, up to rounding. One evaluation of
the objective serves all rows.
"""

from typing import Any

import torch
from torch import Tensor

from deeprecon.errors import InputError
from deeprecon.reconstruct.line_search import LineSearch
from deeprecon.reconstruct.optimise import Bound, Objective, evaluate
from deeprecon.reconstruct.quadratic_model import QuadraticModel
from deeprecon.reconstruct.settings import SearchSettings

_RUNNING, _FLAT, _SMALL, _LIMIT, _FAILED = range(5)
REASONS = (
    "running",
    "converged: projected gradient",
    "converged: relative reduction of the loss",
    "iteration limit",
    "line search failed",
)


def lbfgsb(
    start: Tensor, settings: SearchSettings, bounds: tuple[Bound, Bound], seed: int
) -> "LBFGSB":
    """L-BFGS-B with the settings of a study, in float64 where the device has it."""
    exact = start if start.device.type == "mps" else start.double()
    return LBFGSB(exact, *bounds, n_iterations=settings.n_iterations)


class LBFGSB:
    """Minimise n problems of d bounded parameters.

    Parameters
    ----------
    start : (n, d); the search keeps its dtype, preferably float64, and its device
    lower, upper : bounds, broadcast to (n, d), or None
    n_iterations : maximum number of iterations of each row
    history : number of past steps in memory
    ftol : a row ends when its loss falls by less than this, relative to max(|old|, |new|, 1)
    gtol : a row ends when no element of its projected gradient is larger
    max_line_search : maximum number of evaluations of one line search

    Raises
    ------
    InputError
        If a lower bound is above an upper one.

    Examples
    --------
    >>> goal = torch.tensor([[1.0, 2.0], [3.0, -4.0]], dtype=torch.float64)
    >>> search = LBFGSB(torch.zeros_like(goal), lower=-1.0)
    >>> while not search.finished:
    ...     _ = search.step(lambda x: ((x - goal) ** 2).sum(1))
    >>> search.best.round(decimals=4)
    tensor([[ 1.,  2.],
            [ 3., -1.]], dtype=torch.float64)
    """

    _names = (
        "x", "best", "loss", "gradient", "direction", "steps", "changes", "theta", "count",
        "slope", "trials", "n_iter", "n_evaluations", "state", "unit",
    )  # fmt: skip

    def __init__(
        self,
        start: Tensor,
        lower: Bound = None,
        upper: Bound = None,
        n_iterations: int = 200,
        history: int = 10,
        ftol: float = 2.220446049250313e-09,
        gtol: float = 1e-5,
        max_line_search: int = 20,
    ) -> None:
        n, d = start.shape
        self.n_iterations, self.ftol, self.gtol = n_iterations, ftol, gtol
        self.max_line_search = max_line_search
        infinity = torch.full((1, 1), torch.inf).to(start)
        low = -infinity if lower is None else torch.as_tensor(lower).to(start)
        high = infinity if upper is None else torch.as_tensor(upper).to(start)
        self.lower, self.upper = torch.atleast_2d(low), torch.atleast_2d(high)
        if bool((self.lower > self.upper).any()):
            raise InputError("a lower bound is above its upper bound")
        self.bounded = bool(torch.isfinite(self.lower).any() | torch.isfinite(self.upper).any())
        self.boxed = bool(torch.isfinite(self.lower).all() & torch.isfinite(self.upper).all())
        self.x = self._projected(start.detach().clone())
        self.best, self.gradient = self.x, torch.zeros_like(self.x)
        self.direction = torch.zeros_like(self.x)
        self.unit = torch.zeros_like(self.x)  # end of a step of length 1, without rounding errors
        self.steps, self.changes = (start.new_zeros(n, history, d) for _ in range(2))
        self.loss, self.slope = start.new_zeros(n), start.new_zeros(n)
        self.theta = start.new_ones(n)
        counts = torch.zeros(n, dtype=torch.long, device=start.device)
        self.count, self.trials, self.state = counts, counts.clone(), counts.clone()
        self.n_iter, self.n_evaluations = counts.clone(), counts.clone()
        self.search = LineSearch(self.loss)

    @property
    def done(self) -> Tensor:
        """Which rows have ended, (n,) bool."""
        return self.state != _RUNNING

    @property
    def finished(self) -> bool:
        """Whether all rows have ended."""
        return bool(self.done.all())

    @property
    def iteration(self) -> int:
        """Minimum number of iterations of the rows still running; at the end, `n_iterations`."""
        going = self.n_iter[~self.done]
        return int(going.min() if len(going) else self.n_iterations)

    @property
    def reason(self) -> list[str]:
        """Why each row has ended."""
        return [REASONS[int(code)] for code in self.state]

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to resume."""
        own = {name: getattr(self, name) for name in self._names}
        return {**own, "search": self.search.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state."""
        self.search.load_state_dict(state["search"])
        vars(self).update({name: state[name] for name in self._names})

    def step(self, objective: Objective) -> Tensor:
        """Evaluate all rows at `x`, advance those still running; return losses (n,) of `best`."""
        loss, gradient = evaluate(objective, self.x)
        loss, gradient = loss.to(self.x), gradient.to(self.x)
        going = ~self.done
        begins = not bool(self.n_evaluations.any())
        self.n_evaluations = self.n_evaluations + going.long()
        if begins:
            self._accept(going, loss, gradient)
            self._end(self._flatness() <= self.gtol, _FLAT)
            self._direct(~self.done)
        else:
            self._follow(going, loss, gradient)
        return self.loss

    def _projected(self, x: Tensor) -> Tensor:
        """Project onto the bounds."""
        return torch.minimum(torch.maximum(x, self.lower), self.upper)

    def _flatness(self) -> Tensor:
        """Largest element of the projected gradient of each row."""
        reach = self._projected(self.best - self.gradient) - self.best
        return reach.abs().amax(1)

    def _accept(self, rows: Tensor, loss: Tensor, gradient: Tensor) -> None:
        """Accept the trial point of some rows (mask) as their iterate."""
        self.loss = torch.where(rows, loss, self.loss)
        self.best = torch.where(rows[:, None], self.x, self.best)
        self.gradient = torch.where(rows[:, None], gradient, self.gradient)

    def _end(self, rows: Tensor, why: int) -> None:
        """End some rows (mask) at their iterate."""
        self.state = torch.where(rows & (self.state == _RUNNING), why, self.state)
        self.x = torch.where(self.done[:, None], self.best, self.x)

    def _follow(self, rows: Tensor, loss: Tensor, gradient: Tensor) -> None:
        """Advance the line searches of some rows (mask); where one ends, start an iteration."""
        slope = (gradient * self.direction).sum(1)
        ended = self.search.advance(loss, slope) & rows
        longer = rows & ~ended
        failed = longer & (self.trials >= self.max_line_search)
        self._retry(failed)
        self._try(longer & ~failed)
        if not bool(ended.any()):
            return
        old_loss, old_gradient = self.loss, self.gradient
        self._accept(ended, loss, gradient)
        self.n_iter = self.n_iter + ended.long()
        self._end(ended & (self.n_iter >= self.n_iterations), _LIMIT)
        self._end(ended & (self._flatness() <= self.gtol), _FLAT)
        size = torch.stack([old_loss.abs(), loss.abs(), torch.ones_like(loss)]).amax(0)
        self._end(ended & (old_loss - loss <= self.ftol * size), _SMALL)
        going = ended & ~self.done
        self._remember(going, gradient - old_gradient, slope)
        self._direct(going)

    def _retry(self, rows: Tensor) -> None:
        """After a failed line search, forget the curvature, or end if there is none."""
        self._end(rows & (self.count == 0), _FAILED)
        again = rows & ~self.done
        if bool(again.any()):
            self._forget(again)
            self._direct(again)

    def _forget(self, rows: Tensor) -> None:
        """Clear the memory of some rows (mask)."""
        self.count = torch.where(rows, 0, self.count)
        self.theta = torch.where(rows, 1.0, self.theta)
        self.steps[rows], self.changes[rows] = 0.0, 0.0

    def _remember(self, rows: Tensor, change: Tensor, slope: Tensor) -> None:
        """Remember the last step of some rows (mask) if the curvature along it is positive."""
        length = self.search.step
        curvature = (slope - self.slope) * length
        kept = rows & (curvature > torch.finfo(length.dtype).eps * -self.slope * length)
        where = kept.nonzero()[:, 0]
        if not len(where):
            return
        step = length[where, None] * self.direction[where]
        for memory, new in ((self.steps, step), (self.changes, change[where])):
            memory[where] = torch.cat([memory[where, 1:], new[:, None]], dim=1)
        self.theta[where] = change[where].square().sum(1) / curvature[where]
        self.count[where] += 1

    def _direct(self, rows: Tensor) -> None:
        """Choose directions for some rows (mask) and begin their line searches."""
        where = rows.nonzero()[:, 0]
        if not len(where):
            return
        target = torch.cat([self._target(where[i : i + 1]) for i in range(len(where))])
        direction = target - self.best[where]
        slope = (direction * self.gradient[where]).sum(1)
        down = slope < 0  # may be false because of rounding, or if values are not finite
        begin, stuck = where[down], torch.zeros_like(rows)
        stuck[where[~down]] = True
        if len(begin):
            self.direction[begin], self.unit[begin] = direction[down], target[down]
            self.slope[begin], self.trials[begin] = slope[down], 0
            length, longest = self._lengths(begin)
            self.search.begin(begin, length, longest, self.loss[begin], slope[down])
            started = torch.zeros_like(rows)
            started[begin] = True
            self._try(started)
        if bool(stuck.any()):
            self._retry(stuck)

    def _lengths(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Initial and maximum step of the line search in some rows (indices)."""
        direction, best = self.direction[rows], self.best[rows]
        first = self.n_iter[rows] == 0
        longest = torch.full_like(self.loss[rows], 1e10)
        if self.bounded:
            bound = torch.where(direction > 0, self.upper, self.lower)
            room = torch.where(direction != 0, (bound - best) / direction, torch.inf)
            longest = torch.where(first, 1.0, torch.minimum(longest, room.amin(1)))
        length = torch.ones_like(longest)
        if not self.boxed:
            small = torch.minimum(1 / direction.norm(dim=1), longest)
            length = torch.where(first, small, length)
        return length, longest

    def _try(self, rows: Tensor) -> None:
        """Set the trial points of some rows (mask)."""
        length = self.search.step[:, None]
        point = self._projected(self.best + length * self.direction)
        point = torch.where(length == 1, self.unit, point)
        self.x = torch.where(rows[:, None], point, self.x)
        self.trials = self.trials + rows.long()

    def _target(self, row: Tensor) -> Tensor:
        """Approximate minimum (1, d) of one row's (index) quadratic model within the bounds."""
        used = min(int(self.count[row]), self.steps.shape[1])
        memory = (self.steps[row[0], -used:], self.changes[row[0], -used:]) if used else None
        model = QuadraticModel(
            self.best[row], self.gradient[row], (self.lower, self.upper), self.theta[row], memory
        )
        if not self.bounded:
            return model.x + model.newton(-model.g, torch.ones_like(model.x, dtype=torch.bool))
        cauchy, free = model.cauchy_point()
        if model.empty:
            return cauchy
        move = cauchy - model.x
        residual = -model.g - model.times(move)
        inner = torch.where(free, model.newton(residual, free), 0.0)
        target = torch.where(free, self._projected(cauchy + inner), cauchy)
        if bool(((target - model.x) * model.g).sum() > 0):  # Morales & Nocedal 2011
            bound = torch.where(inner > 0, self.upper, self.lower)
            room = torch.where(inner != 0, (bound - cauchy) / inner, torch.inf)
            target = self._projected(cauchy + room.amin().clamp_max(1) * inner)
        return target
