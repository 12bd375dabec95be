"""Colours and shapes of artificial images, for identification within a colour or a shape."""

from collections.abc import Sequence

from deeprecon.data.ds001506 import COLOURS, SHAPES


def colours_and_shapes(categories: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """Colours and shapes of the images of a set, if all are coloured shapes as in ds001506.

    Parameters
    ----------
    categories : category of each image, such as "red_square"


    Examples
    --------
    >>> colours_and_shapes(["red_square", "blue_+"])
    (['red', 'blue'], ['square', '+'])
    >>> colours_and_shapes(["red_square", "A"]) is None
    True
    """
    parts = [str(name).partition("_") for name in categories]
    if not parts or any(a not in COLOURS or b not in SHAPES for a, _, b in parts):
        return None
    return [colour for colour, _, _ in parts], [shape for _, _, shape in parts]
