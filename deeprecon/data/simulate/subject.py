"""Write the files of one simulated subject: T1w image, ROI masks, BOLD, events, ground truth."""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from deeprecon.atomic import replacing
from deeprecon.data.bids import BoldRun
from deeprecon.data.simulate import design
from deeprecon.data.simulate.anatomy import (
    T1W_SIGNAL,
    T2W_SIGNAL,
    Grid,
    epi_grid,
    inplane_grid,
    regions,
    render,
    t1w_grid,
    visual_field,
)
from deeprecon.data.simulate.scanner import (
    Scanner,
    bold_image,
    head_motion,
    neural_signal,
    pose,
)
from deeprecon.data.simulate.settings import Physiology
from deeprecon.data.simulate.tuning import draw_tuning, responses
from deeprecon.hdf5 import reading, writing
from deeprecon.tables import write_table


def generator(seed: int, *names: str) -> Generator:
    """A random generator for each combination of names, independent of the order of calls."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def _write_image(path: Path, data: NDArray[np.generic], grid: Grid, dtype: type) -> None:
    """Write a 3-D NIfTI image with qform and sform."""
    image = nib.Nifti1Image(data, grid.affine)
    image.set_data_dtype(dtype)
    image.header.set_xyzt_units("mm")
    image.set_qform(grid.affine, code=1)
    image.set_sform(grid.affine, code=1)
    with replacing(path) as temporary:
        nib.save(image, temporary)


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=4) + "\n")


_COLUMNS = {
    "perception": {
        "event_type": "block type (-1 first rest, 1 stimulus, 2 one-back repetition, -2 last rest)",
        "stimulus_id": "stimulus, as in the stimulus tables",
        "stimulus_name": "name of the stimulus",
        "category_index": "category of the stimulus",
        "image_index": "position of the stimulus in its set",
        "response_time": "button press, s from the start of the run",
    },
    "imagery": {
        "trial_no": "number of the trial",
        "event_type": "-1 first rest, 1 cue, 2 imagery, 3 evaluation, 4 pause, -2 last rest",
        "category_id": "imagined stimulus",
        "category_name": "name of the imagined stimulus",
        "category_index": "imagined stimulus, as in the stimulus table",
        "response_time": "button press, s from the start of the run",
        "evaluation": "vividness, 1 to 5 (simulated: random)",
    },
}


def write_dataset_files(
    root: str | os.PathLike[str], subjects: Sequence[str], tasks: Sequence[str]
) -> None:
    """Write the BIDS files at the top level, which say that the data are simulated."""
    root = Path(root)
    _write_json(
        root / "dataset_description.json",
        {
            "Name": "Simulated deep image reconstruction (no human data)",
            "BIDSVersion": "1.10.0",
            "DatasetType": "raw",
            "License": "CC0",
            "Authors": ["deeprecon simulator"],
        },
    )
    with replacing(root / "README.md") as temporary:
        temporary.write_text(
            "# Simulated data\n\nEvery scan in this folder was computed by the deeprecon "
            "simulator. No person was scanned. The layout and the event tables follow OpenNeuro "
            "ds001506; ROI masks lie in sourcedata/, as they do there.\n"
        )
    write_table(root / "participants.tsv", pd.DataFrame({"participant_id": subjects}))
    for task in tasks:
        _write_json(
            root / f"task-{task}_bold.json",
            {
                "TaskName": task,
                "RepetitionTime": design.REPETITION_TIME,
                "Manufacturer": "deeprecon simulator",
            },
        )
        described = {name: {"Description": text} for name, text in _COLUMNS[task].items()}
        _write_json(root / f"task-{task}_events.json", described)


def simulate_brain(
    t1w: str | os.PathLike[str],
    masks: Sequence[str | os.PathLike[str]],
    truth: str | os.PathLike[str],
    subject: str,
    stimuli: Mapping[str, NDArray[np.uint8]],
    physiology: Physiology,
    seed: int,
    attributes: Mapping[str, str],
) -> None:
    """Write the T1w image and ROI masks of a subject, and the ground truth of its voxels.

    Parameters
    ----------
    t1w : file of the T1-weighted image
    masks : files of the ROI masks, each named `..._mask_{LH,RH}_{region}.nii.gz`
    truth : HDF5 file with `active` (i, j, k), the responding voxels on the scan grid in head
        space; `region`, `x`, `y`, `sigma`, `amplitude` (n_voxels,); and `responses/{set}`
        (n_images, n_voxels), percent signal change
    stimuli : set -> (n_images, size, size, 3) uint8; "train" sets the scale of the responses
    attributes : attributes of the HDF5 file
    """
    grid, rng = epi_grid(physiology.voxel_size), generator(seed, subject, "brain")
    brightness = render(t1w_grid(), T1W_SIGNAL, blur_mm=1.0, oversampling=2)
    brightness = np.maximum(brightness + rng.normal(0, 15, brightness.shape), 0)
    _write_image(Path(t1w), brightness.astype(np.float32), t1w_grid(), np.int16)

    region_masks = regions(grid)
    for path in map(Path, masks):
        name = path.name.partition("_mask_")[2].removesuffix(".nii.gz")
        _write_image(path, region_masks[name].astype(np.uint8), grid, np.uint8)
    label = np.full(grid.shape, "", dtype="U4")
    for name in sorted(region_masks, key=lambda name: not name.endswith("HVC")):
        label[region_masks[name]] = name.partition("_")[2]  # parts of HVC overwrite HVC
    active = label != ""
    region = label[active]
    x, y = visual_field(grid.world()[active], region, rng)
    tuning = draw_tuning(active, region, x, y, physiology.silent, physiology.response, rng)
    with writing(truth) as file:
        file["active"] = active
        file.create_dataset("region", data=region.tolist(), dtype=h5py.string_dtype())
        for field in ("x", "y", "sigma", "amplitude"):
            file[field] = getattr(tuning, field)
        for name, response in responses(tuning, stimuli).items():
            file[f"responses/{name}"] = response
        file.attrs.update(attributes)


def session_position(subject: str, session: str, seed: int) -> NDArray[np.float64]:
    """Position of the head in a session: three translations (mm), three rotations (degrees)."""
    rng = generator(seed, subject, session, "position")
    return rng.normal(0, 1, 6) * np.array([2.0, 2.0, 2.0, 1.5, 1.0, 1.0])


def simulate_inplane(
    path: str | os.PathLike[str], subject: str, session: str, voxel_size: float, seed: int
) -> None:
    """Write the in-plane T2-weighted image of a session, with half the in-plane voxel size of BOLD.

    Parameters
    ----------
    path : NIfTI file
    voxel_size : voxel size of the BOLD runs, mm
    """
    grid, rng = inplane_grid(voxel_size), generator(seed, subject, session, "inplane")
    head_to_scanner = pose(session_position(subject, session, seed), epi_grid(voxel_size).centre)
    in_head = Grid(grid.shape, np.linalg.inv(head_to_scanner) @ grid.affine)
    brightness = render(in_head, T2W_SIGNAL, blur_mm=1.0, oversampling=2)
    brightness = np.maximum(brightness + rng.normal(0, 15, brightness.shape), 0)
    _write_image(Path(path), brightness.astype(np.float32), grid, np.int16)


def simulate_run(
    run: BoldRun,
    truth: str | os.PathLike[str],
    motion: str | os.PathLike[str],
    stimuli: pd.DataFrame,
    set_name: str,
    run_index: int,
    n_runs: int,
    physiology: Physiology,
    seed: int,
    attributes: Mapping[str, str],
) -> None:
    """Write BOLD data and events of one run, and the true poses of the head.

    Parameters
    ----------
    run : run with the paths of its files
    truth : file written by `simulate_brain`
    motion : HDF5 file for `head_to_scanner` (n_volumes, 4, 4), T1w to scanner coordinates, mm
    stimuli : table of the set (`data.stimuli`)
    set_name : stimulus set
    run_index, n_runs : index of the run in its set (from 0, over sessions), and number of runs
    """
    rng = generator(seed, run.subject, run.session, run.run)
    known_ids = list(stimuli["stimulus_id"])
    ids = design.ids_of_run(set_name, known_ids, run_index, n_runs)
    if set_name == "imagery":
        events = design.imagery_events(stimuli, ids, rng)
        blocks = events[events["event_type"] == 2]
        shown = blocks["category_index"]
    else:
        events = design.perception_events(set_name, stimuli, ids, rng)
        blocks = events[events["event_type"].isin([1, 2])]
        shown = blocks["stimulus_id"]
    with reading(truth, "a simulated brain") as file:
        active = file["active"][:]
        known = file[f"responses/{set_name}"][:]
    row = {stimulus_id: i for i, stimulus_id in enumerate(known_ids)}
    amplitudes = known[[row[str(stimulus_id)] for stimulus_id in shown]]
    if set_name == "imagery":
        # Responses to imagined images are weaker and vary between trials.
        wander = rng.normal(0, 0.5, amplitudes.shape) * known.std(axis=0)
        amplitudes = physiology.imagery * (amplitudes + wander.astype(np.float32))

    grid = epi_grid(physiology.voxel_size)
    end = float(events["onset"].iloc[-1] + events["duration"].iloc[-1])
    times = np.arange(0.0, end, design.REPETITION_TIME)
    percent = neural_signal(blocks, amplitudes, times, physiology, rng)
    offset = session_position(run.subject, run.session, seed)
    steps = head_motion(len(times), physiology.motion, rng)
    poses = np.stack([pose(offset + step, grid.centre) for step in steps])
    volumes = Scanner(grid).run(active, percent, poses, physiology, rng)
    with replacing(run.bold) as temporary:
        nib.save(bold_image(volumes, grid, design.REPETITION_TIME), temporary)
    write_table(run.events, events, digits=None, missing="n/a")
    with writing(motion) as file:
        file["head_to_scanner"] = poses
        file.attrs.update(attributes)
