"""The field's selection language: names, + | & - and parentheses, read from left to right.

ROI definitions are read by `evaluate`; BData selections, which have more operands, share its
operators. All operators bind alike, as in bdpy.
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
    tokens : emptied from the front up to the first token that is no operator, where the
        expression ends; what is left is the caller's to judge
    operand : called with a token ("the end" if there is none) and the tokens after it, of which
        it may consume more; returns the mask of the name or raises InputError
    where : begins every message

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
    """A name, or an expression in parentheses."""
    token = tokens.pop(0) if tokens else "the end"
    if token != "(":
        return operand(token, tokens)
    mask = evaluate(tokens, operand, where)
    if not tokens or tokens.pop(0) != ")":
        raise InputError(f"{where}: a parenthesis is not closed")
    return mask
