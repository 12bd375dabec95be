"""The quadratic model that L-BFGS-B minimises in each iteration (Byrd et al. 1995)."""

import torch
from torch import Tensor

_FIRST_BREAKPOINTS = 1024  # sorted at first; more follow if the minimum lies beyond them


class QuadraticModel:
    """The quadratic model of one problem: B = theta I - W M W', where W = [Y, theta S].

    Parameters
    ----------
    x, g : (1, d) iterate and gradient
    bounds : lower and upper bounds, broadcast to (1, d)
    theta : (1,) scale of the initial Hessian
    memory : past steps S and changes of the gradient Y, each (m, d), or None
    """

    def __init__(
        self,
        x: Tensor,
        g: Tensor,
        bounds: tuple[Tensor, Tensor],
        theta: Tensor,
        memory: tuple[Tensor, Tensor] | None,
    ) -> None:
        self.x, self.g, self.theta = x, g, theta
        self.lower, self.upper = bounds
        self.empty = memory is None
        if memory is not None:
            s, y = memory
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
        """The step (1, d) that zeroes the residual of the free parameters."""
        if self.empty:
            return residual / self.theta
        w = self.w * free
        r = residual * free
        inner = torch.eye(len(self.m)).to(w) - self.m @ (w @ w.T) / self.theta
        v = torch.linalg.solve(inner, self.m @ (w @ r[0]))
        return r / self.theta + (v @ w) / self.theta**2

    def cauchy_point(self) -> tuple[Tensor, Tensor]:
        """First minimum along the projected gradient (1, d), and which parameters are free there.

        The model's slope is linear between breakpoints, where parameters reach their bounds. The
        slope at each breakpoint follows from sums over those already passed. An image has up to a
        hundred thousand, so only as many are sorted as needed to find the minimum.
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
        """Time of the first minimum along the path; None if more breakpoints are needed.

        Parameters
        ----------
        d : (d,) direction
        times : (d,) times at which parameters reach their bounds
        order : parameters of the first breakpoints, by ascending time
        """
        zero = d.new_zeros(1)
        t, part = times[order], d[order]
        t = torch.where(torch.isfinite(t), t, torch.inf)
        begins, ends = torch.cat([zero, t]), torch.cat([t, zero + torch.inf])
        square = d.square().sum() - torch.cat([zero, part.square().cumsum(0)])
        square = square.clamp_min(0)  # d'd of the parameters still moving, per segment
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
        inside[-1] = len(order) == len(times)  # beyond the last sorted breakpoint there are others
        reached = torch.isfinite(begins) & inside
        if not bool(reached.any()):
            return None if len(order) < len(times) else begins[torch.isfinite(begins)].max()
        first = int(reached.to(torch.int8).argmax())
        return begins[first] + wait[first]
