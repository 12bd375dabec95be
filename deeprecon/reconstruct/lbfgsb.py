"""L-BFGS-B on a batch of problems, one a row, each with memory and line search of its own.

The algorithm of Byrd, Lu, Nocedal & Zhu (1995) in its version 3.0 (Morales & Nocedal 2011), as
`scipy.optimize.minimize(method="L-BFGS-B")` runs it, which it equals row by row up to rounding.
One evaluation of the objective serves all rows. Loops over the breakpoints of the Cauchy search, of
which an image has a hundred thousand, are sums over sorted breakpoints here.
"""

from typing import Any

import torch
from torch import Tensor

from deeprecon.errors import InputError
from deeprecon.reconstruct.line_search import LineSearch
from deeprecon.reconstruct.optimise import Objective, evaluate

_RUNNING, _FLAT, _SMALL, _LIMIT, _FAILED = range(5)
REASONS = (
    "running",
    "converged: projected gradient",
    "converged: relative reduction of the loss",
    "iteration limit",
    "line search failed",
)
_FIRST_BREAKPOINTS = 1024


class LBFGSB:
    """Minimise n problems of d bounded parameters.

    Parameters
    ----------
    start : (n, d); its dtype and device are those of the search, float64 is advised
    lower, upper : bounds, broadcast to (n, d); None: none
    n_iterations : at most so many of each row
    history : steps that are remembered
    ftol : a row ends when its loss falls by less than this, relative to max(|old|, |new|, 1)
    gtol : a row ends when no element of its projected gradient is larger
    max_line_search : evaluations of one line search

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
        lower: Tensor | float | None = None,
        upper: Tensor | float | None = None,
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
        self.unit = torch.zeros_like(self.x)  # where a step of length 1 leads, without rounding
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
        """Iterations of the row that has done fewest among those that go on; of all, at the end."""
        going = self.n_iter[~self.done]
        return int(going.min() if len(going) else self.n_iterations)

    @property
    def reason(self) -> list[str]:
        """Why each row has ended."""
        return [REASONS[int(code)] for code in self.state]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        own = {name: getattr(self, name) for name in self._names}
        return {**own, "search": self.search.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.search.load_state_dict(state["search"])
        vars(self).update({name: state[name] for name in self._names})

    def step(self, objective: Objective) -> Tensor:
        """Evaluate all rows at `x` and move those on that have not ended; losses (n,) of `best`."""
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
        """Within the bounds."""
        return torch.minimum(torch.maximum(x, self.lower), self.upper)

    def _flatness(self) -> Tensor:
        """Largest element of the projected gradient of each row."""
        reach = self._projected(self.best - self.gradient) - self.best
        return reach.abs().amax(1)

    def _accept(self, rows: Tensor, loss: Tensor, gradient: Tensor) -> None:
        """Take the trial point of some rows (mask) as their iterate."""
        self.loss = torch.where(rows, loss, self.loss)
        self.best = torch.where(rows[:, None], self.x, self.best)
        self.gradient = torch.where(rows[:, None], gradient, self.gradient)

    def _end(self, rows: Tensor, why: int) -> None:
        """End some rows (mask) at their iterate."""
        self.state = torch.where(rows & (self.state == _RUNNING), why, self.state)
        self.x = torch.where(self.done[:, None], self.best, self.x)

    def _follow(self, rows: Tensor, loss: Tensor, gradient: Tensor) -> None:
        """Go on with the line searches of some rows (mask), and from where they have ended."""
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
        """After a failed line search forget the curvature; if there is none, end."""
        self._end(rows & (self.count == 0), _FAILED)
        again = rows & ~self.done
        if bool(again.any()):
            self._forget(again)
            self._direct(again)

    def _forget(self, rows: Tensor) -> None:
        """Empty the memory of some rows (mask)."""
        self.count = torch.where(rows, 0, self.count)
        self.theta = torch.where(rows, 1.0, self.theta)
        self.steps[rows], self.changes[rows] = 0.0, 0.0

    def _remember(self, rows: Tensor, change: Tensor, slope: Tensor) -> None:
        """Keep the last step of some rows (mask), if the curvature along it is positive."""
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
        down = slope < 0  # nothing is below for rounding, or for what is not finite
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
        """First and longest step of the line search in some rows (indices)."""
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
        """Minimum of the quadratic model within the bounds, about: (1, d) for one row (index)."""
        model = _Model(self, row)
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


class _Model:
    """The quadratic model of one row: B = theta I - W M W', W = [Y, theta S] (Byrd et al. 1995).

    All tensors keep a first axis of length 1.
    """

    def __init__(self, search: LBFGSB, row: Tensor) -> None:
        self.x, self.g = search.best[row], search.gradient[row]
        self.lower, self.upper = search.lower, search.upper
        self.theta = search.theta[row]
        used = min(int(search.count[row]), search.steps.shape[1])
        self.empty = used == 0
        if not self.empty:
            s, y = search.steps[row[0], -used:], search.changes[row[0], -used:]  # (m, d)
            self.w = torch.cat([y, self.theta * s])  # (2m, d)
            sy, ss = s @ y.T, s @ s.T
            lower = sy.tril(-1)
            inverse = torch.cat(
                [
                    torch.cat([-sy.diag().diag(), lower.T], dim=1),
                    torch.cat([lower, self.theta * ss], dim=1),
                ]
            )
            self.m = torch.linalg.inv(inverse)

    def times(self, v: Tensor) -> Tensor:
        """B v for (1, d) vectors."""
        product = self.theta * v
        return product if self.empty else product - (self.m @ (self.w @ v[0])) @ self.w

    def newton(self, residual: Tensor, free: Tensor) -> Tensor:
        """The step that takes the residual of the free parameters to zero, (1, d)."""
        if self.empty:
            return residual / self.theta
        w = self.w * free
        r = residual * free
        inner = torch.eye(len(self.m)).to(w) - self.m @ (w @ w.T) / self.theta
        v = torch.linalg.solve(inner, self.m @ (w @ r[0]))
        return r / self.theta + (v @ w) / self.theta**2

    def cauchy_point(self) -> tuple[Tensor, Tensor]:
        """First minimum along the projected gradient (1, d), and which parameters are free there.

        The model's slope along the path is linear between breakpoints, where parameters meet their
        bounds. Slopes at all of them follow from sums over those passed; only as many are sorted
        as the minimum needs.
        """
        down = -self.g
        bound = torch.where(down > 0, self.upper, self.lower)
        times = torch.where(down != 0, (bound - self.x) / down, torch.inf)[0]
        d = torch.where(times > 0, down[0], 0.0)
        times = torch.where((times > 0) & (d != 0), times, torch.inf)
        n_wanted = _FIRST_BREAKPOINTS
        while True:
            n_sorted = min(n_wanted, len(times))
            order = times.topk(n_sorted, largest=False, sorted=True).indices
            time = self._minimum(d, times, order)
            if time is not None:
                break
            n_wanted *= 8
        point = torch.minimum(torch.maximum(self.x + time * d, self.lower), self.upper)
        met = (times <= time)[None]
        point = torch.where(met, bound, point)
        still = (down == 0) & (self.x > self.lower) & (self.x < self.upper)
        return point, still | (~met & (d != 0)[None])

    def _minimum(self, d: Tensor, times: Tensor, order: Tensor) -> Tensor | None:
        """Time of the first minimum along the path; None, if more breakpoints are needed.

        Parameters
        ----------
        d : (d,) direction
        times : (d,) when parameters meet their bounds
        order : parameters of the first breakpoints, in order of time
        """
        zero = d.new_zeros(1)
        t, part = times[order], d[order]
        t = torch.where(torch.isfinite(t), t, torch.inf)
        begins, ends = torch.cat([zero, t]), torch.cat([t, zero + torch.inf])
        square = d.square().sum() - torch.cat([zero, part.square().cumsum(0)])
        square = square.clamp_min(0)  # d'd of what still moves, in each segment
        slope = square * (self.theta * begins - 1)
        curve = self.theta * square
        if not self.empty:
            w = self.w[:, order] * part  # (2m, n_sorted)
            edge = torch.zeros_like(w[:, :1])
            p = (self.w @ d)[:, None] - torch.cat([edge, w.cumsum(1)], dim=1)
            passed = torch.where(torch.isfinite(t), w * t, 0.0).cumsum(1)
            c = torch.cat([edge, passed], dim=1) + begins * p
            mp = self.m @ p
            slope = slope - (mp * c).sum(0)
            curve = curve - (mp * p).sum(0)
        floor = torch.finfo(d.dtype).eps * self.theta * square[0]
        wait = (-slope / torch.maximum(curve, floor)).clamp_min(0)
        inside = begins + wait < ends
        inside[-1] = len(order) == len(times)  # beyond the last that is known lie others
        reached = torch.isfinite(begins) & inside
        if not bool(reached.any()):
            return None if len(order) < len(times) else begins[torch.isfinite(begins)].max()
        first = int(reached.to(torch.int8).argmax())
        return begins[first] + wait[first]
