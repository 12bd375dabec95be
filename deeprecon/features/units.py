"""The units of a layer that an array's columns stand for, and their positions in the image."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Units:
    """Some units of a layer.

    Attributes
    ----------
    shape : shape of the layer's units, (channels, height, width) or (n,)
    index : (n_units,) integers, indices among the layer's units in C order
    """

    shape: tuple[int, ...]
    index: NDArray[np.int64]

    @classmethod
    def every(cls, shape: tuple[int, ...]) -> Self:
        """All units of a layer."""
        return cls(shape, np.arange(np.prod(shape, dtype=int)))

    def tiles(self, n: int) -> list[NDArray[np.intp]]:
        """Columns of the units in each of n x n windows of the image.

        All columns are in one window if units have no position in the image.

        Examples
        --------
        >>> [tile.tolist() for tile in Units.every((2, 1, 3)).tiles(2)]
        [[0, 1, 3, 4], [2, 5]]
        """
        if len(self.shape) != 3:
            return [np.arange(len(self.index))]
        _, height, width = self.shape
        _, row, column = np.unravel_index(self.index, self.shape)
        window = (row * n // height) * n + column * n // width
        return [np.flatnonzero(window == tile) for tile in np.unique(window)]
