"""How reconstructions are named: subject, region, method and stimulus set."""

from typing import NamedTuple, Self

AVERAGE = "sub-average"
"""Stands for the decoded features averaged over subjects."""


class Target(NamedTuple):
    """One file of reconstructions: a subject's ROI, by one method, of one stimulus set.

    Examples
    --------
    >>> str(Target("sub-01", "VC", "dgn", "natural"))
    'sub-01/VC/dgn/natural'
    >>> Target.of("sub-01/VC/dgn/natural").roi
    'VC'
    """

    subject: str
    roi: str
    method: str
    set: str

    def __str__(self) -> str:
        """Return the name in paths and parameters."""
        return "/".join(self)

    @classmethod
    def of(cls, name: str) -> Self:
        """The target of a name that `str` has made."""
        return cls(*name.split("/"))
