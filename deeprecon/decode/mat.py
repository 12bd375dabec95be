"""MATLAB files with one array: writes v7.3 for bdpy, reads v5 and v7.3."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from deeprecon.atomic import replacing
from deeprecon.errors import InputError, about, reason

AnyPath = str | os.PathLike[str]

_USERBLOCK = 512
# MATLAB recognises its versions by this text and the four bytes at its end. The date is fixed, so
# that the same features give the same file.
_HEADER = (
    (
        b"MATLAB 7.3 MAT-file, Platform: deeprecon, Created on: Thu Jan  1 00:00:00 1970 "
        b"HDF5 schema 1.00 ."
    ).ljust(116)
    + bytes(8)
    + b"\x00\x02IM"
)
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MATLAB_CLASS = {"float32": "single", "float64": "double"}  # integer classes have NumPy's names


def write_mat(path: AnyPath, name: str, array: NDArray[np.number]) -> None:
    """Write an array of real numbers as a MATLAB v7.3 file, which MATLAB and hdf5storage read.

    Parameters
    ----------
    path : MATLAB file; replaced whole if it exists
    name : name of the variable
    array : float32, float64 or integers, of any shape; a vector becomes a row
    """
    with _writing_mat(path) as file:
        _put(file, name, array)


def write_feature_index(path: AnyPath, units: Mapping[str, NDArray[np.int64]]) -> None:
    """Write which units were decoded, as `bdpy.dataform.Features(feature_index=path)` reads it.

    Parameters
    ----------
    path : MATLAB file
    units : layer -> indices of units in C order, from 0
    """
    with _writing_mat(path) as file:
        group = file.create_group("index")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        group.attrs["Python.Type"] = np.bytes_("dict")
        for layer, places in units.items():
            _put(group, layer, places)


@contextmanager
def _writing_mat(path: AnyPath) -> Iterator[h5py.File]:
    """Open an HDF5 file with MATLAB's header; it appears at `path` if the block succeeds."""
    # Written in memory, because HDF5 crashes on a full disk (see deeprecon.hdf5).
    memory = io.BytesIO()
    with h5py.File(memory, "w", userblock_size=_USERBLOCK) as file:
        yield file
    data = memory.getbuffer()
    data[: len(_HEADER)] = _HEADER
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _put(group: h5py.Group, name: str, array: NDArray[np.number]) -> None:
    """Write a dataset as MATLAB and hdf5storage store arrays."""
    # MATLAB has the axes in reverse order, and at least two.
    dataset = group.create_dataset(name, data=np.atleast_2d(array).T)
    kind = array.dtype.name
    dataset.attrs["MATLAB_class"] = np.bytes_(_MATLAB_CLASS.get(kind, kind))
    # With these attributes, hdf5storage restores one axis, which bdpy needs for an index.
    dataset.attrs["Python.Shape"] = np.array(array.shape, np.uint64)
    dataset.attrs["Python.Type"] = np.bytes_("numpy.ndarray")
    dataset.attrs["Python.numpy.Container"] = np.bytes_("ndarray")
    dataset.attrs["Python.numpy.UnderlyingType"] = np.bytes_(kind)


def read_mat(path: AnyPath, name: str = "feat") -> NDArray[np.float32]:
    """Read an array from a MATLAB file, v5 or v7.3.

    Parameters
    ----------
    path : MATLAB file
    name : name of the variable

    Returns
    -------
    float32 array with two or more axes, in MATLAB's order

    Raises
    ------
    InputError
        If the file is missing or damaged, or has no such array of real numbers.
    """
    with about(path):
        return read_stream(partial(open_binary, Path(path)), name)


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading."""
    return path.open("rb")


def read_stream(opened: Callable[[], BinaryIO], name: str) -> NDArray[np.float32]:
    """Read the array `name` of a MATLAB file; an InputError does not name the file."""
    try:
        with opened() as stream:
            head = stream.read(_USERBLOCK + len(_HDF5))
            stream.seek(0)
            is_hdf5 = _HDF5 in (head[: len(_HDF5)], head[_USERBLOCK:])
            found = _read_v73(stream, name) if is_hdf5 else _read_v5(stream, name)
    except InputError:
        raise
    # Which error h5py, SciPy and zipfile raise depends on where a file is damaged.
    except Exception as error:
        raise InputError(f"not a readable MATLAB file ({reason(error)})") from None
    if found.dtype.kind not in "fiu" or not found.size:
        raise _not_numbers(name, f"{found.dtype} of shape {found.shape}")
    return found.astype(np.float32)


def _not_numbers(name: str, found: str) -> InputError:
    """The error for a variable that is not an array of real numbers."""
    return InputError(f"{name}: found {found}, expected an array of real numbers")


def _no_variable(name: str, found: list[str]) -> InputError:
    """The error for a file without the variable."""
    return InputError(f"no variable {name!r}; found {', '.join(found) or 'none'}")


def _read_v73(stream: BinaryIO, name: str) -> NDArray[np.generic]:
    """Read a variable of an HDF5 file, with axes in MATLAB's order."""
    with h5py.File(stream, "r") as file:
        if name not in file:
            raise _no_variable(name, list(file))
        found = file[name]
        if not isinstance(found, h5py.Dataset):
            raise _not_numbers(name, "a struct")
        # Text is stored as numbers, and an empty array as its shape.
        kind = found.attrs.get("MATLAB_class")
        if kind in (b"char", b"logical") or "MATLAB_empty" in found.attrs:
            empty = "empty " if "MATLAB_empty" in found.attrs else ""
            raise _not_numbers(name, f"{empty}{kind.decode()}")
        return np.asarray(found[()]).T


def _read_v5(stream: BinaryIO, name: str) -> NDArray[np.generic]:
    """Read a variable of a MATLAB v5 file."""
    variables = scipy.io.loadmat(stream)
    if name not in variables:
        raise _no_variable(name, [key for key in variables if not key.startswith("__")])
    return np.asarray(variables[name])
