"""BData, the lab's table of samples: voxels and labels side by side, in one HDF5 file.

Layout (bdpy, github.com/KamitaniLab/bdpy): `dataset` (n_samples, n_columns); `metadata/key`,
`metadata/description` (n_keys,) and `metadata/value` (n_keys, n_columns), where 1 marks the
columns that belong to a key, any other number is a value of a column (such as voxel_x) and NaN
stands for neither; `vmap/<key>/<value>` holds the names of a label column's numbers. The header
that bdpy writes (paths and source code of the caller) is left out; bdpy does not need it.
"""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from deeprecon.data.selection import OPERATIONS, Mask
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, writing

Array = NDArray[np.float64]

VOXELS = "VoxelData"
_OLD_SPELLINGS = {"dataset": ("dataset", "dataSet"), "metadata": ("metadata", "metaData")}


@dataclass(frozen=True)
class MetaRow:
    """One key: what it is, and its value for every column (NaN: not applicable)."""

    description: str
    value: Array  # (n_columns,)


@dataclass
class BData:
    """Samples with the description of their columns.

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
        """Put voxels, label columns, ROI flags and positions together.

        Parameters
        ----------
        voxels : (n_samples, n_voxels)
        labels : key -> n_samples strings (numbered from 1 in order of appearance) or numbers
        rois : key -> (n_voxels,) bool
        positions : key (such as voxel_x) -> (n_voxels,) values

        Raises
        ------
        InputError
            If lengths disagree, a key is given twice or the labels are not strings or numbers.
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
            place = slice(n_voxels + i, n_voxels + i + 1)
            metadata[key] = row(f"1 = {key}", place, 1.0)
        for key, mask in rois.items():
            flags = np.where(np.asarray(mask, bool), 1.0, np.nan)
            metadata[key] = row(f"1 = voxel in {key}", on_voxels, flags)
        for key, position in positions.items():
            metadata[key] = row(key, on_voxels, np.asarray(position, np.float64))
        return cls(dataset, metadata, vmap)

    def columns(self, expression: str) -> NDArray[np.bool_]:
        """Which columns an expression selects, (n_columns,).

        - `KEY`, `KEY = 1` : columns that belong to a key; `*` and `?` stand for any characters and
          any character, and the key may stand in quotes
        - `KEY = 0` : all other columns
        - `KEY = -4.5` : columns where a key that is no flag (such as voxel_x) has this value
        - `+` or `|` (either), `&` (both), `-` (without), from left to right, and parentheses
        - `KEY top 500` : columns with the largest values of a key, the first of equal ones; columns
          without a value (NaN) are never among them
        - `KEY top 500 @ CONDITION` : the same within a condition, which ends where the expression
          or its parenthesis ends

        Flags select what they select in bdpy 0.26, with one exception: there, `)` also ends what
        stands before its `(`. bdpy knows no values but 0 and 1 and cannot read `top`, which is
        spelt here as in BrainDecoderToolbox2.

        Raises
        ------
        InputError
            If a key is unknown or the expression cannot be read.
        """
        tokens = re.findall(r"\"[^\"]*\"|'[^']*'|[^\s=|&+\-@()\"']+|\S", expression)
        where = f"selection {expression!r}"
        selected = self._combined(tokens, where)
        if tokens:
            raise InputError(f"{where}: found {tokens[0]!r}, expected an operator")
        return selected

    def _combined(self, tokens: list[str], where: str) -> Mask:
        """Operands and operators from left to right, up to a token that is no operator."""
        selected = self._operand(tokens, where)
        while tokens and tokens[0] in OPERATIONS:
            operation = OPERATIONS[tokens.pop(0)]
            selected = operation(selected, self._operand(tokens, where))
        return selected

    def _operand(self, tokens: list[str], where: str) -> Mask:
        """A key or an expression in parentheses, with `= value`, or a key with `top n`."""
        token = tokens.pop(0) if tokens else "the end"
        if token == "(":
            rows = self._combined(tokens, where)[None].astype(np.float64)
            if not tokens or tokens.pop(0) != ")":
                raise InputError(f"{where}: a parenthesis is not closed")
        elif token in ("the end", "top") or token in "=|&+-@)\"'":
            raise InputError(f"{where}: found {token!r}, expected a key")
        elif tokens[:1] == ["top"]:
            tokens.pop(0)
            return self._top(token, tokens, where)
        else:
            rows = self._rows(token, where)
        while tokens[:1] == ["="]:
            tokens.pop(0)
            rows = _equal(rows, _number(tokens, where))[None].astype(np.float64)
        return _equal(rows, 1.0)

    def _rows(self, token: str, where: str) -> Array:
        """The values of a key, or of all keys that a wildcard stands for, (n_keys, n_columns)."""
        key = token.strip("\"'")
        if not set(key) & set("*?"):
            return self._row(key).value[None]
        pattern = re.escape(key).replace(r"\*", ".*").replace(r"\?", ".")
        keys = [known for known in self.metadata if re.fullmatch(pattern, known)]
        if not keys:
            raise InputError(f"{where}: no key is like {key!r}")
        return np.stack([self._row(known).value for known in keys])

    def _top(self, key: str, tokens: list[str], where: str) -> Mask:
        """The columns with the largest values of a key, after `KEY top`."""
        number = tokens.pop(0) if tokens else "the end"
        if not number.isdecimal() or int(number) == 0:
            raise InputError(f"{where}: found {number!r} after 'top', expected a number of columns")
        values = self._row(key.strip("\"'")).value
        candidates = ~np.isnan(values)
        if tokens[:1] == ["@"]:
            tokens.pop(0)
            candidates &= self._combined(tokens, where)
        places = np.flatnonzero(candidates)
        best = places[np.argsort(-values[places], kind="stable")[: int(number)]]
        selected = np.zeros(len(values), bool)
        selected[best] = True
        return selected

    def _row(self, key: str) -> MetaRow:
        """The metadata of a key, or an InputError with the nearest known ones."""
        if key not in self.metadata:
            near = difflib.get_close_matches(key, self.metadata, n=3) or list(self.metadata)
            raise InputError(f"unknown key {key!r}; nearest: {', '.join(near)}")
        return self.metadata[key]

    def select(self, expression: str) -> Array:
        """The columns that an expression selects, (n_samples, n_selected): see `columns`."""
        return self.dataset[:, self.columns(expression)]

    def get(self, key: str) -> Array:
        """The column of a key, (n_samples,), or its columns, (n_samples, n)."""
        found = self.dataset[:, self._row(key).value == 1.0]
        return found[:, 0] if found.shape[1] == 1 else found

    def labels(self, key: str) -> list[str]:
        """The names of a label column's numbers, for every sample.

        Raises
        ------
        InputError
            If the key has no names, or a number has none.
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
        """What a key says of the columns of another, such as voxel_x of VoxelData: (n,)."""
        return self._row(key).value[self._row(where).value == 1.0]


def _equal(rows: Array, wanted: float) -> Mask:
    """Columns where a row has a value; flags have 1 where they are set and 0 anywhere else."""
    if np.isin(rows[~np.isnan(rows)], (0.0, 1.0)).all():
        return np.asarray((rows == 1.0).any(axis=0) == wanted)
    return np.asarray((rows == wanted).any(axis=0))


def _number(tokens: list[str], where: str) -> float:
    """The value after `=`."""
    token = tokens.pop(0) if tokens else "the end"
    if token in ("-", "+") and tokens:
        token += tokens.pop(0)
    try:
        return float(token)
    except ValueError:
        raise InputError(f"{where}: found {token!r} after '=', expected a number") from None


def _check_keys(keys: Sequence[str]) -> None:
    """Refuse keys that are there twice, or that HDF5 would take as a path."""
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"key {key!r} is there {keys.count(key)} times")
        if "/" in key:
            raise InputError(f"key {key!r}: no '/' can stand in a key")


def _numbered(
    key: str, names: Sequence[str] | NDArray[np.generic]
) -> tuple[Array, dict[float, str]]:
    """Numbers for names, from 1 in order of appearance, and the names of the numbers.

    An array of strings comes here too: as numbers its ids would lose their zeros.
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
    attributes : of the file, such as `provenance.stamp`
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
    """Read a BData file, in the present or the old spelling (dataSet, metaData).

    Raises
    ------
    InputError
        If the file is no HDF5 file or damaged, or a part of it is missing, or of the wrong type
        or shape.
    """
    with reading(path, "BData") as file:
        return _bdata(path, file)


def read_keys(path: str | os.PathLike[str]) -> list[str]:
    """The keys of a BData file, without reading its samples; errors as of `read_bdata`."""
    with reading(path, "BData") as file:
        return _texts(_field(path, _part(path, file, "metadata"), "key")[:])


def _bdata(path: str | os.PathLike[str], file: h5py.File) -> BData:
    """The content of an open file."""
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
    """The names of a label column's numbers."""
    try:
        return {float(number): _texts([name[()]])[0] for number, name in names.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: vmap/{key}: not a name for every number ({error})") from None


def _part(path: str | os.PathLike[str], file: h5py.File, name: str) -> h5py.Dataset | h5py.Group:
    """A dataset or group by its present or its old name."""
    for spelling in _OLD_SPELLINGS[name]:
        if spelling in file:
            return file[spelling]
    raise InputError(f"{path}: no {name}; found {', '.join(file) or 'nothing'}")


def _field(path: str | os.PathLike[str], metadata: h5py.Group, name: str) -> h5py.Dataset:
    """A part of the metadata."""
    if name not in metadata:
        raise InputError(f"{path}: no metadata/{name}")
    return metadata[name]


def _texts(values: Sequence[object]) -> list[str]:
    """HDF5 strings, which h5py gives as bytes, as text."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
