"""Motion correction of runs with known motion: deeprecon, Greedy and ANTs.

A simulated head with sharp tissue borders is moved and scanned without interpolation. The tissue is
looked up at the moved positions, several times per voxel, so that no method benefits from sharing
its interpolation with the simulation. Run from the root of the repository:

    python -m benchmarks.realign            # accuracy and seconds of every method, 8 volumes
    python -m benchmarks.realign --scale    # time and peak memory of deeprecon on a whole run
"""

import argparse
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.machine import RESULTS, machine, report
from deeprecon.data.simulate.anatomy import (
    BRAIN_CENTRE,
    BRAIN_RADII,
    EPI_SIGNAL,
    T1W_SIGNAL,
    Grid,
    tissue,
)
from deeprecon.data.simulate.scanner import pose
from deeprecon.errors import InputError
from deeprecon.preprocess.motion import run_motion

Array = NDArray[np.float64]
Volume = NDArray[np.float32]

OVERSAMPLING = 3
NOISE = 9.0  # SD, 1 % of grey matter
OFFSET = [10.0, -11.5, 7.5, 4.0, -3.0, 5.0]  # 17 mm and 7 degrees
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # from world axes of NIfTI to those of ITK, and back

RUN_GRID = Grid.oblique((64, 64, 40), 3.0, (0.0, -18.0, 14.0), (-12.0, 3.0, 2.0))
OTHER_GRID = Grid.oblique((76, 80, 40), 2.5, (2.0, -16.0, 15.0), (3.0, -4.0, 6.0))


@dataclass(frozen=True)
class Scenario:
    """A run whose motion is known, and the reference it is registered with."""

    name: str
    volumes: list[Volume]
    grid: Grid
    reference: Volume
    reference_grid: Grid
    truth: Array  # (n_volumes, 4, 4) world of the reference to world of each volume
    parts: dict[str, NDArray[np.bool_]]  # volumes of each row of the table

    def run(self) -> nib.Nifti1Image:
        """The run as a 4-D image."""
        return nib.Nifti1Image(np.stack(self.volumes, axis=-1), self.grid.affine)

    def reference_image(self) -> nib.Nifti1Image:
        """The reference as a 3-D image."""
        return nib.Nifti1Image(self.reference, self.reference_grid.affine)


def scan(grid: Grid, signal: Array, moved: Array, oversampling: int = OVERSAMPLING) -> Volume:
    """Volume (i, j, k) of the head after the rigid movement `moved`, without noise."""
    shifts = (np.arange(oversampling) + 0.5) / oversampling - 0.5
    to_head = np.linalg.inv(moved)
    total = np.zeros(grid.shape)
    world = grid.world()
    for shift in np.stack(np.meshgrid(shifts, shifts, shifts), axis=-1).reshape(-1, 3):
        total += signal[tissue(apply_affine(to_head, world + grid.affine[:3, :3] @ shift))]
    volume: Volume = (total / oversampling**3).astype(np.float32)
    return volume


def coil(grid: Grid) -> Array:
    """Sensitivity of a receive coil, 0.5 ... 1.5 over the grid; fixed in space."""
    xyz = (grid.world() - BRAIN_CENTRE) / 90
    return 1 + 0.35 * np.tanh(xyz[..., 2] - xyz[..., 1]) + 0.15 * np.sin(2 * xyz[..., 0])


def scenarios(n_volumes: int, seed: int) -> Iterator[Scenario]:
    """Every scenario of the benchmark, the same for the same seed."""
    rng = np.random.default_rng(seed)
    all_volumes = {"": np.ones(n_volumes, bool)}

    def noisy(volume: Volume) -> Volume:
        return volume + rng.normal(0, NOISE, volume.shape).astype(np.float32)

    def moved(name: str, scale: float, offset: list[float] | None = None) -> Scenario:
        parameters = rng.normal(0, scale, (n_volumes, 6)) + (offset or [0.0] * 6)
        truth = np.array([pose(p, BRAIN_CENTRE) for p in parameters])
        volumes = [noisy(scan(RUN_GRID, EPI_SIGNAL, matrix)) for matrix in truth]
        return Scenario(name, volumes, RUN_GRID, still, RUN_GRID, truth, all_volumes)

    still = noisy(scan(RUN_GRID, EPI_SIGNAL, np.eye(4)))
    yield moved("small motion, 0.2 mm and degrees", 0.2)
    usual = moved("usual motion, 0.4 mm and degrees", 0.4)
    yield usual
    yield moved("17 mm and 7 degrees from the reference", 0.4, OFFSET)
    gains = np.linspace(0.9, 1.4, n_volumes)
    drifting = [gain * volume for gain, volume in zip(gains, usual.volumes, strict=True)]
    yield replace(usual, name="gain drifts by 50 %", volumes=drifting)
    field = coil(RUN_GRID).astype(np.float32)
    biased = [volume * field for volume in usual.volumes]
    yield replace(usual, name="bias field", volumes=biased, reference=still * field)
    yield replace(usual, name="bias field, not in the reference", volumes=biased)
    cut = [volume.copy() for volume in usual.volumes]
    for volume in cut:
        volume[..., :3] = 0
        volume[..., -3:] = 0
    yield replace(usual, name="3 slices missing at each end", volumes=cut)
    hit = np.zeros(n_volumes, bool)
    hit[2::3] = True
    spiked = [
        _spike(volume, rng) if bad else volume
        for volume, bad in zip(usual.volumes, hit, strict=True)
    ]
    parts = {": volumes between": ~hit, ": volumes hit": hit}
    yield replace(usual, name="spikes in every third volume", volumes=spiked, parts=parts)
    other = noisy(scan(OTHER_GRID, EPI_SIGNAL, np.eye(4)))
    yield replace(
        usual, name="reference on another grid", reference=other, reference_grid=OTHER_GRID
    )
    t1w = noisy(scan(OTHER_GRID, T1W_SIGNAL, np.eye(4)))
    yield replace(
        usual, name="reference of another contrast", reference=t1w, reference_grid=OTHER_GRID
    )


def _spike(volume: Volume, rng: np.random.Generator) -> Volume:
    """Signal loss in some slices and stripes in others, as after a sudden movement or a spike."""
    spoilt = volume.copy()
    slices = rng.choice(volume.shape[2], 8, replace=False)
    spoilt[..., slices[:4]] *= 0.3
    stripes = np.cos(np.arange(volume.shape[1]) * 2.1).astype(np.float32)
    spoilt[..., slices[4:]] += 600 * stripes[:, None]
    return spoilt


def packaged(method: str) -> Callable[[Scenario], Array]:
    """A method of `run_motion` as a function of a scenario."""
    return lambda scenario: run_motion(scenario.run(), scenario.reference_image(), method)


def ants_rigid(metric: str) -> Callable[[Scenario], Array] | None:
    """`ants.registration` of each volume; None if antspyx is not installed."""
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"  # read when ants is loaded
    try:
        import ants
    except ImportError:
        return None

    def image(volume: Volume, affine: Array) -> Any:
        lps = LPS @ affine
        zooms = np.linalg.norm(lps[:3, :3], axis=0)
        return ants.from_numpy(
            volume.astype(np.float32),
            origin=tuple(lps[:3, 3]),
            spacing=tuple(zooms),
            direction=lps[:3, :3] / zooms,
        )

    def estimate(scenario: Scenario) -> Array:
        fixed = image(scenario.reference, scenario.reference_grid.affine)
        motion = []
        for volume in scenario.volumes:
            done = ants.registration(
                fixed,
                image(volume, scenario.grid.affine),
                type_of_transform="Rigid",
                aff_metric=metric,
                random_seed=1,
            )
            found = ants.read_transform(done["fwdtransforms"][0])
            centre, numbers = np.array(found.fixed_parameters), np.array(found.parameters)
            matrix = np.eye(4)
            matrix[:3, :3] = numbers[:9].reshape(3, 3)
            matrix[:3, 3] = numbers[9:] + centre - matrix[:3, :3] @ centre
            motion.append(LPS @ matrix @ LPS)
            for path in {*done["fwdtransforms"], *done["invtransforms"]}:
                Path(path).unlink(missing_ok=True)
        return np.array(motion)

    return estimate


def methods(names: list[str]) -> dict[str, Callable[[Scenario], Array]]:
    """The methods that are installed here, deeprecon first."""
    known = {
        "gauss_newton (ours)": packaged("gauss_newton"),
        "greedy": packaged("greedy"),
        "ants Rigid, mattes": ants_rigid("mattes"),
        "ants Rigid, meansquares": ants_rigid("meansquares"),
    }
    return {
        name: function
        for name, function in known.items()
        if function is not None and (not names or any(name.startswith(n) for n in names))
    }


def brain_points() -> Array:
    """World coordinates (n, 3) of points all over the brain, mm."""
    unit = np.stack(np.meshgrid(*[np.linspace(-1, 1, 11)] * 3), axis=-1).reshape(-1, 3)
    return BRAIN_CENTRE + unit[np.linalg.norm(unit, axis=1) < 1] * BRAIN_RADII


def errors(found: Array, truth: Array) -> Array:
    """Error of each volume (n_volumes, 3): RMS over the brain mm, at its centre mm, degrees."""
    points = brain_points()
    rows = []
    for a, b in zip(found, truth, strict=True):
        gap = apply_affine(a, points) - apply_affine(b, points)
        centre = apply_affine(a, BRAIN_CENTRE) - apply_affine(b, BRAIN_CENTRE)
        # From the skew part; arccos of the trace is inaccurate below 1e-6 degrees.
        turn = a[:3, :3] @ b[:3, :3].T
        sine = np.linalg.norm((turn - turn.T)[[2, 0, 1], [1, 2, 0]]) / 2
        angle = np.rad2deg(np.arctan2(sine, (np.trace(turn) - 1) / 2))
        rows.append([np.sqrt((gap**2).sum(axis=1).mean()), np.linalg.norm(centre), angle])
    return np.array(rows)


def compare(n_volumes: int, seed: int, names: list[str]) -> Iterator[str]:
    """Rows of the Markdown table."""
    yield (
        "| scenario | method | displacement RMS mm | worst volume mm | translation RMS mm "
        "| rotation RMS deg | s / volume | error / ours | seconds / ours |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for scenario in scenarios(n_volumes, seed):
        ours: dict[str, tuple[float, float]] = {}
        for name, estimate in methods(names).items():
            start = time.perf_counter()
            try:
                found = errors(estimate(scenario), scenario.truth)
            except InputError as error:
                yield f"| {scenario.name} | {name} | refused: {error} | | | | | | |"
                continue
            seconds = (time.perf_counter() - start) / n_volumes
            for part, rows in scenario.parts.items():
                size, centre, angle = np.sqrt(np.mean(found[rows] ** 2, axis=0))
                first = ours.setdefault(part, (size, seconds))
                yield (
                    f"| {scenario.name}{part} | {name} | {size:.4f} | {found[rows, 0].max():.3f} "
                    f"| {centre:.4f} | {angle:.4f} | {seconds:.3f} "
                    f"| {size / first[0]:.1f} | {seconds / first[1]:.1f} |"
                )


def _write_run(path: str, n_volumes: int, seed: int) -> None:
    """Write a run of 96 x 96 x 76 voxels, its reference and its motion for `scale`."""
    grid = Grid.oblique((96, 96, 76), 2.0, (0.0, -18.0, 14.0), (-12.0, 3.0, 2.0))
    rng = np.random.default_rng(seed)
    n_poses = min(n_volumes, 24)
    truth = np.array([pose(p, BRAIN_CENTRE) for p in rng.normal(0, 0.4, (n_poses, 6))])
    clean = [scan(grid, EPI_SIGNAL, matrix, 2) for matrix in [np.eye(4), *truth]]

    def noisy(volume: Volume) -> NDArray[np.int16]:
        return (volume + NOISE * rng.standard_normal(grid.shape, np.float32)).astype(np.int16)

    data = np.empty((*grid.shape, n_volumes), np.int16, order="F")
    for t in range(n_volumes):
        data[..., t] = noisy(clean[1 + t % n_poses])
    nib.save(nib.Nifti1Image(data, grid.affine), Path(path, "bold.nii"))
    nib.save(nib.Nifti1Image(noisy(clean[0]), grid.affine), Path(path, "reference.nii"))
    np.save(Path(path, "truth.npy"), truth[np.arange(n_volumes) % n_poses])


def scale(n_volumes: int, seed: int) -> Iterator[str]:
    """Seconds and peak memory of deeprecon on a run of full size, read from a file."""
    with tempfile.TemporaryDirectory() as folder:
        # Simulate in another process, so that its memory is not counted.
        writer = multiprocessing.get_context("spawn").Process(
            target=_write_run, args=(folder, n_volumes, seed)
        )
        writer.start()
        writer.join()
        if writer.exitcode:
            raise SystemExit(f"the simulation ended with {writer.exitcode}")
        before = _peak_megabytes()
        start, cpu = time.perf_counter(), time.process_time()
        img = nib.load(Path(folder, "bold.nii"))
        found = run_motion(img, nib.load(Path(folder, "reference.nii")), "gauss_newton")
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        size, centre, angle = np.sqrt(
            np.mean(errors(found, np.load(Path(folder, "truth.npy"))) ** 2, axis=0)
        )
    yield f"{n_volumes} volumes of 96 x 96 x 76 voxels of 2 mm, int16, read from an uncompressed"
    yield "file volume by volume, estimated against a reference volume by gauss_newton:"
    yield ""
    yield (
        "| wall s | CPU s | s / volume | peak RSS MB | RSS before the start MB "
        "| displacement RMS mm | translation RMS mm | rotation RMS deg |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|"
    yield (
        f"| {wall:.1f} | {cpu:.1f} | {wall / n_volumes:.3f} | {_peak_megabytes():.0f} "
        f"| {before:.0f} | {size:.4f} | {centre:.4f} | {angle:.4f} |"
    )


def _peak_megabytes() -> float:
    """Peak resident set size of this process so far, MB."""
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Run the benchmark, print its table and keep it in `results/`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--scale", action="store_true", help="one long run, deeprecon alone")
    parser.add_argument("--volumes", type=int, help="default 8, with --scale 239")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="*", default=[], help="starts of names; default: all")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the result")
    args = parser.parse_args()
    if args.volumes is not None and args.volumes < 3:
        parser.error("--volumes: expected 3 or more, the third is the first corrupted one")
    with threadpool_limits(1):
        where = machine(("picsl-greedy", "antspyx"))
        if args.scale:
            rows = scale(args.volumes or 239, args.seed)
            report(args.output / "realign_scale.md", "Motion correction: a whole run", where, rows)
        else:
            rows = compare(args.volumes or 8, args.seed, args.methods)
            report(args.output / "realign.md", "Motion correction: known motion", where, rows)


if __name__ == "__main__":
    main()
