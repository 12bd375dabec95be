"""A head as a function of world coordinates: it is moved and scanned without interpolation."""

from collections.abc import Callable

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

AXES = np.array([62.0, 74.0, 54.0])  # mm
EDGE = 2.5  # mm


def rigid(parameters, centre=(0, 0, 0)):
    """Rotate about z, then y, then x through the centre, then translate; written out by hand."""
    a, b, c = parameters[3:]
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = rx @ ry @ rz
    matrix[:3, 3] = np.asarray(centre) + parameters[:3] - matrix[:3, :3] @ centre
    return matrix


def oblique_affine(shape, zooms, degrees, centre=(0, 0, 0), flip=True):
    """A tilted voxel grid around a point of the world."""
    affine = rigid([0, 0, 0, *np.deg2rad(degrees)])
    affine[:3, :3] = affine[:3, :3] @ np.diag(np.array(zooms) * [-1 if flip else 1, 1, 1])
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def _radius(xyz):
    return np.sqrt(((xyz / AXES) ** 2).sum(axis=-1))


def head(xyz):
    """EPI-like intensity at world coordinates (..., 3), about 800 inside and 0 outside."""
    rng = np.random.default_rng(5)
    value = np.full(xyz.shape[:-1], 800.0)
    for centre, width, height in zip(
        rng.uniform(-0.7, 0.7, (25, 3)) * AXES,
        rng.uniform(6, 14, 25),
        rng.normal(0, 350, 25),
        strict=True,
    ):
        value += height * np.exp(-((xyz - centre) ** 2).sum(axis=-1) / 2 / width**2)
    inside = 1 / (1 + np.exp((_radius(xyz) - 1) * 60 / EDGE))
    return inside * np.maximum(value, 100)


def t1w_head(xyz):
    """The same head with the opposite contrast inside and a bright rim that EPI lacks."""
    radius = _radius(xyz)
    inside = 1 / (1 + np.exp((radius - 1) * 60 / EDGE))
    rim = np.exp(-(((radius - 1.08) * 60 / 3) ** 2) / 2)
    return inside * (600 - 120 * np.tanh((head(xyz) - 800) / 250)) + 500 * rim


def scan(
    intensity: Callable, shape, affine, moved=None, noise=0.0, rng=None, dtype=np.float32
) -> np.ndarray:
    """Image the head after the rigid movement `moved` (world to world)."""
    xyz = apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    volume = intensity(xyz if moved is None else apply_affine(np.linalg.inv(moved), xyz))
    if noise:
        volume = volume + rng.normal(0, noise, shape)
    return volume.astype(dtype)


def brain_points():
    """World coordinates of points all over the brain."""
    xyz = np.stack(np.meshgrid(*(np.linspace(-1, 1, 9) * s for s in AXES)), axis=-1).reshape(-1, 3)
    return xyz[_radius(xyz) < 0.95]


def displacement(a, b):
    """RMS distance in mm between brain points mapped by two matrices."""
    gap = apply_affine(a, brain_points()) - apply_affine(b, brain_points())
    return float(np.sqrt((gap**2).sum(axis=1).mean()))


def int16_image(data, affine, path):
    """Save as int16 with a scale factor, as scanners do, and open again."""
    img = nib.Nifti1Image(data, affine)
    img.set_data_dtype(np.int16)
    img.header.set_zooms((*img.header.get_zooms()[:3], 2.0)[: img.ndim])
    nib.save(img, path)
    return nib.load(path)
