"""BData, the table of samples of the Kamitani lab: voxels and labels in one HDF5 file.

Layout (bdpy, github.com/KamitaniLab/bdpy):

- `dataset` (n_samples, n_columns)
- `metadata/key` and `metadata/description` (n_keys,)
- `metadata/value` (n_keys, n_columns): 1 marks the columns that belong to a key; other numbers are
  values of a column (such as voxel_x); NaN is neither
- `vmap/<key>/<value>`: names of the numbers in a label column

The header of bdpy (paths and source code of the caller) is not written, and bdpy does not need it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from deeprecon.data.bdata_selection import find_key, select_columns
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, writing

Array = NDArray[np.float64]

VOXELS = "VoxelData"
_OLD_SPELLINGS = {"dataset": ("dataset", "dataSet"), "metadata": ("metadata", "metaData")}


@dataclass(frozen=True)
class MetaRow:
    """Description of one key, and its value for every column (NaN: not applicable)."""

    description: str
    value: Array  # (n_columns,)


@dataclass
class BData:
    """Samples and the metadata of their columns.

    Attributes
    ----------
    dataset : (n_samples, n_columns) float64
    metadata : key -> MetaRow
    vmap : label key -> {number: name}

    Examples
    --------
    >>> data = BData.from_columns(
    ...     voxels=np.array([[1.0, 2.0], [3.0, 4.0]]),
    ...     labels={"stimulus_id": ["10.000010", "2"]},
    ...     rois={"ROI_V1": np.array([True, False]), "ROI_VC": np.array([True, True])},
    ... )
    >>> data.select("ROI_VC - ROI_V1")
    array([[2.],
           [4.]])
    >>> data.labels("stimulus_id")
    ['10.000010', '2']
    """

    dataset: Array
    metadata: dict[str, MetaRow]
    vmap: dict[str, dict[float, str]] = field(default_factory=dict)

    @classmethod
    def from_columns(
        cls,
        voxels: NDArray[np.floating],
        labels: Mapping[str, Sequence[str] | NDArray[np.floating]],
        rois: Mapping[str, NDArray[np.bool_]],
        positions: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> "BData":
        """Combine voxels, label columns, ROI flags and positions.

        Parameters
        ----------
        voxels : (n_samples, n_voxels)
        labels : key -> n_samples numbers, or strings, which are numbered from 1 in order of
            appearance
        rois : key -> (n_voxels,) bool
        positions : key (such as voxel_x) -> (n_voxels,) values

        Raises
        ------
        InputError
            If lengths disagree, a key occurs twice, or labels are neither strings nor numbers.
        """
        n_samples, n_voxels = voxels.shape
        positions = positions or {}
        _check_keys([VOXELS, *labels, *rois, *positions])
        for key, values in [*rois.items(), *positions.items()]:
            if np.shape(values) != (n_voxels,):
                raise InputError(f"{key}: shape {np.shape(values)} for {n_voxels} voxels")
        parts = [np.asarray(voxels, np.float64)]
        vmap: dict[str, dict[float, str]] = {}
        for key, given in labels.items():
            if len(given) != n_samples:
                raise InputError(f"label {key}: {len(given)} values for {n_samples} samples")
            if isinstance(given, np.ndarray) and given.dtype.kind in "biuf":
                column = given.astype(np.float64)
            else:
                column, vmap[key] = _numbered(key, given)
            parts.append(column[:, None])
        dataset = np.hstack(parts)
        n_columns = dataset.shape[1]

        def row(description: str, columns: slice, value: object) -> MetaRow:
            values = np.full(n_columns, np.nan)
            values[columns] = value
            return MetaRow(description, values)

        on_voxels = slice(0, n_voxels)
        metadata = {VOXELS: row("1 = voxel value", on_voxels, 1.0)}
        for i, key in enumerate(labels):
            own = slice(n_voxels + i, n_voxels + i + 1)
            metadata[key] = row(f"1 = {key}", own, 1.0)
        for key, mask in rois.items():
            flags = np.where(np.asarray(mask, bool), 1.0, np.nan)
            metadata[key] = row(f"1 = voxel in {key}", on_voxels, flags)
        for key, position in positions.items():
            metadata[key] = row(key, on_voxels, np.asarray(position, np.float64))
        return cls(dataset, metadata, vmap)

    def columns(self, expression: str) -> NDArray[np.bool_]:
        """Select columns by an expression, (n_columns,) bool.

        - `KEY`, `KEY = 1` : columns that belong to a key; `*` matches any characters, `?` a single
          one, and keys may be quoted
        - `KEY = 0` : all other columns
        - `KEY = -4.5` : columns with this value, for keys that are not flags (such as voxel_x)
        - `+` or `|` (or), `&` (and), `-` (and not), from left to right, and parentheses
        - `KEY top 500` : columns with the largest values of a key; the first ones win ties, and
          columns without a value (NaN) are never selected
        - `KEY top 500 @ CONDITION` : the same within a condition, which extends to the end of the
          expression or parenthesis

        Flags select the same columns as in bdpy 0.26, except that in bdpy `)` also ends the
        expression before its `(`. bdpy knows only the values 0 and 1 and does not read `top`,
        which is written as in BrainDecoderToolbox2.

        Raises
        ------
        InputError
            If a key is unknown or the expression is invalid.
        """
        return select_columns(expression, {key: row.value for key, row in self.metadata.items()})

    def select(self, expression: str) -> Array:
        """Values of the selected columns, (n_samples, n_selected), see `columns`."""
        return self.dataset[:, self.columns(expression)]

    def get(self, key: str) -> Array:
        """Values of the column of a key, (n_samples,), or of its n columns, (n_samples, n)."""
        found = self.dataset[:, find_key(self.metadata, key).value == 1.0]
        return found[:, 0] if found.shape[1] == 1 else found

    def labels(self, key: str) -> list[str]:
        """Name of each sample in a label column; "n/a" for NaN.

        Raises
        ------
        InputError
            If the key has no names, or a number has no name.
        """
        column = self.get(key)
        if key not in self.vmap:
            raise InputError(f"key {key!r} has no names; known: {', '.join(self.vmap) or 'none'}")
        names = self.vmap[key]
        unknown = [value for value in column if value not in names and not np.isnan(value)]
        if unknown:
            raise InputError(f"key {key!r}: the value {unknown[0]:g} has no name")
        return ["n/a" if np.isnan(value) else names[value] for value in column]

    def value(self, key: str, where: str = VOXELS) -> Array:
        """Values of a key at the columns of another, such as voxel_x of VoxelData, (n,)."""
        return find_key(self.metadata, key).value[find_key(self.metadata, where).value == 1.0]


def _check_keys(keys: Sequence[str]) -> None:
    """Refuse keys that occur twice, or that HDF5 would interpret as a path."""
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"key {key!r} occurs {keys.count(key)} times")
        if "/" in key:
            raise InputError(f"key {key!r}: a key cannot contain '/'")


def _numbered(
    key: str, names: Sequence[str] | NDArray[np.generic]
) -> tuple[Array, dict[float, str]]:
    """Number names from 1 in order of appearance; returns numbers and the names of the numbers.

    Arrays of strings are numbered too, because as numbers their ids would lose their zeros.
    """
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"label {key}: found {name!r}, expected strings or a numeric array")
    code = {str(name): float(i) for i, name in enumerate(dict.fromkeys(names), start=1)}
    column = np.array([code[str(name)] for name in names], np.float64)
    return column, {number: name for name, number in code.items()}


def write_bdata(
    path: str | os.PathLike[str], bdata: BData, attributes: Mapping[str, str] | None = None
) -> None:
    """Write a BData file; the same content gives the same bytes.

    Parameters
    ----------
    path : HDF5 file
    bdata : BData
    attributes : attributes of the file, such as those of `provenance.stamp`
    """
    text = h5py.string_dtype()
    with writing(path, track_order=True) as file:
        file.create_dataset(
            "dataset", data=bdata.dataset, compression="gzip", compression_opts=4, shuffle=True
        )
        rows = bdata.metadata.values()
        metadata = file.create_group("metadata", track_order=True)
        metadata.create_dataset("key", data=list(bdata.metadata), dtype=text)
        metadata.create_dataset("description", data=[r.description for r in rows], dtype=text)
        metadata.create_dataset(
            "value", data=np.stack([row.value for row in rows]), compression="gzip", shuffle=True
        )
        for key, names in bdata.vmap.items():
            for number, name in names.items():
                file[f"vmap/{key}/{number}"] = name.encode()
        file.attrs.update(attributes or {})


def read_bdata(path: str | os.PathLike[str]) -> BData:
    """Read a BData file, in the current or the old spelling (dataSet, metaData).

    Raises
    ------
    InputError
        If the file is not an HDF5 file or damaged, or if a part is missing or has the wrong type or
        shape.
    """
    with reading(path, "BData") as file:
        return _bdata(path, file)


def read_keys(path: str | os.PathLike[str]) -> list[str]:
    """Read the keys of a BData file but not its samples; errors as for `read_bdata`."""
    with reading(path, "BData") as file:
        return _texts(_field(path, _part(path, file, "metadata"), "key")[:])


def _bdata(path: str | os.PathLike[str], file: h5py.File) -> BData:
    """Read the content of an open file."""
    dataset = np.asarray(_part(path, file, "dataset"), np.float64)
    group = _part(path, file, "metadata")
    keys = _texts(_field(path, group, "key")[:])
    descriptions = _texts(_field(path, group, "description")[:])
    values = np.asarray(_field(path, group, "value"), np.float64)
    if dataset.ndim != 2 or values.shape != (len(keys), dataset.shape[1]):
        raise InputError(
            f"{path}: metadata/value has shape {values.shape}, expected {len(keys)} keys and "
            f"the columns of dataset, which has shape {dataset.shape}"
        )
    if len(descriptions) != len(keys) or len(set(keys)) != len(keys):
        raise InputError(
            f"{path}: metadata has {len(keys)} keys, {len(set(keys))} of them different, and "
            f"{len(descriptions)} descriptions; expected as many of each"
        )
    vmap = {key: _names(path, key, names) for key, names in file.get("vmap", {}).items()}
    rows = zip(keys, descriptions, values, strict=True)
    return BData(dataset, {key: MetaRow(what, value) for key, what, value in rows}, vmap)


def _names(path: str | os.PathLike[str], key: str, names: h5py.Group) -> dict[float, str]:
    """Read the names of the numbers in a label column."""
    try:
        return {float(number): _texts([name[()]])[0] for number, name in names.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: vmap/{key}: not a name for every number ({error})") from None


def _part(path: str | os.PathLike[str], file: h5py.File, name: str) -> h5py.Dataset | h5py.Group:
    """Find a dataset or group by its current or old name."""
    for spelling in _OLD_SPELLINGS[name]:
        if spelling in file:
            return file[spelling]
    raise InputError(f"{path}: no {name}; found {', '.join(file) or 'nothing'}")


def _field(path: str | os.PathLike[str], metadata: h5py.Group, name: str) -> h5py.Dataset:
    """Find a part of the metadata."""
    if name not in metadata:
        raise InputError(f"{path}: no metadata/{name}")
    return metadata[name]


def _texts(values: Sequence[object]) -> list[str]:
    """Convert HDF5 strings, which h5py returns as bytes, to text."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
