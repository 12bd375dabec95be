"""The line search of Moré & Thuente (1994) as in MINPACK-2, for many problems at once.

All quantities are vectors over problems. An accepted step satisfies
`f(s) <= f(0) + FTOL s f'(0)` and `|f'(s)| <= GTOL |f'(0)|`.
"""

import torch
from torch import Tensor

FTOL, GTOL, XTOL = 1e-3, 0.9, 0.1  # as in L-BFGS-B
_LOWER, _UPPER = 1.1, 4.0  # extension of a step while no minimum is enclosed


class LineSearch:
    """Line searches of n problems in parallel, each at its own stage.

    Attributes
    ----------
    step : (n,) lengths at which function and slope are to be evaluated next
    """

    _names = (
        "step", "longest", "f0", "g0", "sx", "fx", "gx", "sy", "fy", "gy", "minimum", "maximum",
        "width", "before", "enclosed", "second",
    )  # fmt: skip

    def __init__(self, like: Tensor) -> None:
        zeros = torch.zeros_like(like)
        for name in self._names:
            setattr(self, name, zeros.clone())
        self.enclosed, self.second = zeros.bool(), zeros.bool()

    step: Tensor
    longest: Tensor
    f0: Tensor
    g0: Tensor
    sx: Tensor
    fx: Tensor
    gx: Tensor
    sy: Tensor
    fy: Tensor
    gy: Tensor
    minimum: Tensor
    maximum: Tensor
    width: Tensor
    before: Tensor
    enclosed: Tensor
    second: Tensor

    def state_dict(self) -> dict[str, Tensor]:
        """Return everything needed to resume."""
        return {name: getattr(self, name) for name in self._names}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Resume from a saved state."""
        vars(self).update(state)

    def begin(self, rows: Tensor, step: Tensor, longest: Tensor, f: Tensor, slope: Tensor) -> None:
        """Begin searches in some rows (indices), given function value and slope at zero."""
        self.step[rows], self.longest[rows] = step, longest
        self.f0[rows], self.g0[rows] = f, slope
        for s, value in (("s", 0.0), ("f", f), ("g", slope)):
            getattr(self, f"{s}x")[rows] = value
            getattr(self, f"{s}y")[rows] = value
        self.minimum[rows], self.maximum[rows] = 0.0, (1 + _UPPER) * step
        self.width[rows], self.before[rows] = longest, 2 * longest
        self.enclosed[rows], self.second[rows] = False, False

    def advance(self, f: Tensor, slope: Tensor) -> Tensor:
        """Use the function values and slopes at `step`; return which rows have ended, (n,) bool.

        The other rows get a new trial `step`, a much shorter one where f is not finite.
        """
        step, test = self.step, FTOL * self.g0
        sufficient = f <= self.f0 + step * test
        self.second = self.second | (sufficient & (slope >= 0))
        flat = slope.abs() <= -GTOL * self.g0
        rounding = self.enclosed & ((step <= self.minimum) | (step >= self.maximum))
        narrow = self.enclosed & (self.maximum - self.minimum <= XTOL * self.maximum)
        at_end = (step == self.longest) & sufficient & (slope <= test)
        at_start = (step == 0) & (~sufficient | (slope >= test))
        ended = (sufficient & flat) | rounding | narrow | at_end | at_start
        sane = torch.isfinite(f) & torch.isfinite(slope)
        trial = self._trial(f, slope, test, sane)
        self.step = torch.where(ended & sane, step, trial)
        return ended & sane

    def _trial(self, f: Tensor, slope: Tensor, test: Tensor, sane: Tensor) -> Tensor:
        """Narrow the interval that contains a minimum; return the next step of every row."""
        # The first stage minimises f minus the line of sufficient decrease.
        modified = ~self.second & (f <= self.fx) & (f > self.f0 + self.step * test)
        line = torch.where(modified, test, 0.0)
        x = (self.sx, self.fx - self.sx * line, self.gx - line)
        y = (self.sy, self.fy - self.sy * line, self.gy - line)
        p = (self.step, f - self.step * line, slope - line)
        x, y, trial, enclosed = _safeguarded(x, y, p, self.enclosed, self.minimum, self.maximum)
        new = {
            "sx": x[0], "fx": x[1] + x[0] * line, "gx": x[2] + line,
            "sy": y[0], "fy": y[1] + y[0] * line, "gy": y[2] + line,
        }  # fmt: skip
        for name, value in new.items():
            setattr(self, name, torch.where(sane, value, getattr(self, name)))
        self.enclosed = torch.where(sane, enclosed, self.enclosed)
        span = (self.sy - self.sx).abs()
        slow = self.enclosed & (span >= 0.66 * self.before)
        trial = torch.where(slow, self.sx + 0.5 * (self.sy - self.sx), trial)
        self.before = torch.where(self.enclosed & sane, self.width, self.before)
        self.width = torch.where(self.enclosed & sane, span, self.width)
        ahead = trial - self.sx
        minimum = torch.where(
            self.enclosed, torch.minimum(self.sx, self.sy), trial + _LOWER * ahead
        )
        maximum = torch.where(
            self.enclosed, torch.maximum(self.sx, self.sy), trial + _UPPER * ahead
        )
        self.minimum = torch.where(sane, minimum, self.minimum)
        self.maximum = torch.where(sane, maximum, self.maximum)
        trial = torch.minimum(trial.clamp_min(0), self.longest)
        stuck = (trial <= self.minimum) | (trial >= self.maximum)
        stuck = self.enclosed & (stuck | (self.maximum - self.minimum <= XTOL * self.maximum))
        trial = torch.where(stuck, self.sx, trial)
        return torch.where(sane, trial, self.sx + 0.1 * (self.step - self.sx))


_Point = tuple[Tensor, Tensor, Tensor]
"""Step, function value and slope there."""


def _safeguarded(
    x: _Point, y: _Point, p: _Point, enclosed: Tensor, minimum: Tensor, maximum: Tensor
) -> tuple[_Point, _Point, Tensor, Tensor]:
    """New interval and trial step from the best point x, the other end y and the trial p.

    The four cases of Moré & Thuente 1994, section 4 (`dcstep`), choose the safer of cubic and
    quadratic (secant) interpolation.
    """
    (sx, fx, gx), sy, (sp, fp, gp) = x, y[0], p
    higher = fp > fx
    turned = ~higher & (gp * gx.sign() < 0)
    flatter = ~higher & ~turned & (gp.abs() < gx.abs())

    secant = sp + gp / (gp - gx) * (sx - sp)
    cubic1, cubic2, cubic3, finite3 = _cubics(x, p)
    quadratic = sx + (gx / ((fx - fp) / (sp - sx) + gx)) / 2 * (sp - sx)

    # Case 1: a higher value; the minimum is enclosed.
    nearer = (cubic1 - sx).abs() < (quadratic - sx).abs()
    case1 = torch.where(nearer, cubic1, cubic1 + (quadratic - cubic1) / 2)
    # Case 2: a lower value, slopes of opposite sign; enclosed.
    case2 = torch.where((cubic2 - sp).abs() > (secant - sp).abs(), cubic2, secant)
    # Case 3: a lower value, same sign, flatter; the cubic may have no minimum ahead.
    cubic3 = torch.where(finite3, cubic3, torch.where(sp > sx, maximum, minimum))
    cubic_nearer = (cubic3 - sp).abs() < (secant - sp).abs()
    inside = torch.where(cubic_nearer, cubic3, secant)
    limit = sp + 0.66 * (sy - sp)
    inside = torch.where(sp > sx, torch.minimum(limit, inside), torch.maximum(limit, inside))
    outside = torch.where(cubic_nearer, secant, cubic3)
    outside = torch.maximum(torch.minimum(outside, maximum), minimum)
    case3 = torch.where(enclosed, inside, outside)
    # Case 4: a lower value, same sign, not flatter.
    case4 = torch.where(enclosed, _cubics(y, p)[1], torch.where(sp > sx, maximum, minimum))

    trial = torch.where(
        higher, case1, torch.where(turned, case2, torch.where(flatter, case3, case4))
    )
    new_y = tuple(
        torch.where(higher, mine, torch.where(turned, best, other))
        for mine, best, other in zip(p, x, y, strict=True)
    )
    new_x = tuple(torch.where(higher, best, mine) for best, mine in zip(x, p, strict=True))
    return new_x, new_y, trial, enclosed | higher | turned  # type: ignore[return-value]


def _cubics(x: _Point, p: _Point) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Minima of the cubic through two points in the forms of cases 1, 2 (and 4) and 3.

    The last result is a mask: whether the minimum of case 3 is finite and lies beyond p.
    """
    (sx, fx, gx), (sp, fp, gp) = x, p
    theta = 3 * (fx - fp) / (sp - sx) + gx + gp
    scale = torch.stack([theta.abs(), gx.abs(), gp.abs()]).amax(0)
    inner = (theta / scale) ** 2 - (gx / scale) * (gp / scale)
    root = scale * inner.clamp_min(0).sqrt()
    up = torch.where(sp < sx, -root, root)
    down = torch.where(sp > sx, -root, root)
    one = sx + (up - gx + theta) / (up - gx + up + gp) * (sp - sx)
    two = sp + (down - gp + theta) / (down - gp + down + gx) * (sx - sp)
    ratio = (down - gp + theta) / (down + (gx - gp) + down)
    three = sp + ratio * (sx - sp)
    return one, two, three, (ratio < 0) & (root != 0)
