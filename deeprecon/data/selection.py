"""Selection of voxels by expressions of names, + | & - and parentheses.

`evaluate` reads ROI definitions. BData selections have more kinds of operands, but the same
operators. All operators have the same precedence, from left to right, as in bdpy.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError

Mask = NDArray[np.bool_]

OPERATIONS: dict[str, Callable[[Mask, Mask], Mask]] = {
    "+": np.logical_or,
    "|": np.logical_or,
    "&": np.logical_and,
    "-": lambda left, right: left & ~right,
}


def evaluate(tokens: list[str], operand: Callable[[str, list[str]], Mask], where: str) -> Mask:
    """Evaluate operand, operator, operand, ... from left to right, consuming the tokens.

    Parameters
    ----------
    tokens : consumed from the front, up to the first token that does not continue the
        expression; the caller checks the rest
    operand : called with a token ("the end" if there is none) and the tokens after it, which it
        may consume; returns the mask of the name or raises InputError
    where : start of every message

    Raises
    ------
    InputError
        If a parenthesis is not closed.

    Examples
    --------
    >>> masks = {"A": np.array([True, True, False]), "B": np.array([False, True, True])}
    >>> evaluate(["A", "-", "B"], lambda name, rest: masks[name], "A - B")
    array([ True, False, False])
    """
    mask = _operand(tokens, operand, where)
    while tokens and tokens[0] in OPERATIONS:
        operation = OPERATIONS[tokens.pop(0)]
        mask = operation(mask, _operand(tokens, operand, where))
    return mask


def _operand(tokens: list[str], operand: Callable[[str, list[str]], Mask], where: str) -> Mask:
    """Evaluate a name or an expression in parentheses."""
    token = tokens.pop(0) if tokens else "the end"
    if token != "(":
        return operand(token, tokens)
    mask = evaluate(tokens, operand, where)
    if not tokens or tokens.pop(0) != ")":
        raise InputError(f"{where}: a parenthesis is not closed")
    return mask
