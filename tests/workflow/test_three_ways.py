"""Raw scans, fMRIPrep's derivatives and BData give the same samples; what cleaning leaves."""

import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from nibabel.affines import apply_affine

from deeprecon.data.bdata import BData, read_bdata, write_bdata
from deeprecon.data.events import read_events
from deeprecon.data.images import load_image, read_volumes
from deeprecon.preprocess.assemble import run_samples
from deeprecon.preprocess.files import read_series
from deeprecon.preprocess.rigid import grid_centre, motion_matrix, resample_at
from deeprecon.preprocess.settings import PRESETS, Cleaning
from tests.conftest import snakemake

pytestmark = pytest.mark.smoke

SAMPLES = "samples/sub-01.h5"


def results(folder):
    return folder / "results" / "smoke"


def samples_of(folder, name, change):
    """Samples of the smoke study with changed settings, under another name."""
    settings = yaml.safe_load((folder / "config/smoke.yaml").read_text())
    settings["study"] = name
    change(settings)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    target = f"results/{name}/{SAMPLES}"
    done = snakemake(folder, target, "--cores", "2", "--configfile", f"{name}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return read_bdata(folder / target)


def as_fmriprep(study, derivatives):
    """What fMRIPrep would leave of the smoke study, in T1w space on the grid of the ROI masks."""
    folder = results(study)
    mask = load_image(next((folder / "bids/sourcedata/sub-01/anat").glob("*.nii.gz")))
    reference = load_image(folder / "preprocess/sub-01/reference.nii.gz")
    centre = grid_centre(reference.shape, reference.affine)
    to_reference = np.loadtxt(folder / "preprocess/sub-01/t1w_to_bold.txt")
    grid = apply_affine(mask.affine, np.indices(mask.shape).reshape(3, -1).T)
    for bold in sorted((folder / "bids").glob("sub-01/*/func/*_bold.nii.gz")):
        stem = bold.name.removesuffix("_bold.nii.gz")
        run = stem.removeprefix("sub-01_")
        table = pd.read_csv(folder / f"preprocess/sub-01/runs/{run}_confounds.tsv", sep="\t")
        img = load_image(bold)
        moved = []
        for row, volume in zip(table.to_numpy()[:, :6], read_volumes(img), strict=True):
            place = np.linalg.inv(img.affine) @ motion_matrix(row, centre) @ to_reference
            moved.append(np.nan_to_num(resample_at(volume, apply_affine(place, grid))))
        series = nib.Nifti1Image(np.array(moved).T.reshape(*mask.shape, -1), mask.affine)
        series.header.set_zooms((*img.header.get_zooms()[:3], 2.0))
        series.header.set_xyzt_units("mm", "sec")
        target = derivatives / "sub-01" / bold.parent.parent.name / "func"
        target.mkdir(parents=True, exist_ok=True)
        nib.save(series, target / f"{stem}_space-T1w_desc-preproc_bold.nii.gz")
        table.insert(0, "csf", np.nan)
        table["framewise_displacement"] = table["framewise_displacement"].mask(table.index == 0)
        name = f"{stem}_desc-confounds_timeseries.tsv"
        table.to_csv(target / name, sep="\t", index=False, na_rep="n/a")
    anatomy = derivatives / "sub-01" / "anat"
    anatomy.mkdir()
    t1w = folder / "bids/sub-01/ses-anatomy/anat/sub-01_ses-anatomy_T1w.nii.gz"
    shutil.copyfile(t1w, anatomy / "sub-01_desc-preproc_T1w.nii.gz")


def test_derivatives_of_fmriprep_give_the_same_samples(smoke_study, tmp_path):
    folder = results(smoke_study)
    as_fmriprep(smoke_study, tmp_path / "derivatives")

    def change(settings):
        settings["input"] = {
            "kind": "fmriprep",
            "bids": str(folder / "bids"),
            "fmriprep": str(tmp_path / "derivatives"),
            "stimuli": str(folder / "stimuli"),
        }

    found = samples_of(smoke_study, "prepared", change)
    raw = read_bdata(folder / SAMPLES)
    assert found.labels("stimulus_id") == raw.labels("stimulus_id")
    # Voxels whose edge is cut by a field of view are 0 in the derivatives, as fMRIPrep fills them.
    whole = (raw.select("VoxelData") != 0).all(axis=0)
    assert whole.mean() > 0.98
    np.testing.assert_allclose(
        found.select("VoxelData")[:, whole], raw.select("VoxelData")[:, whole], atol=1e-3
    )
    page = "results/prepared/report/quality_sub-01.html"
    done = snakemake(smoke_study, page, "--cores", "2", "--configfile", "prepared.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (smoke_study / page).read_text().count("data:image/webp") == 4 + 6


def test_bdata_of_the_lab_gives_the_same_samples(smoke_study, tmp_path):
    """One file a set, as the lab publishes them, with its names of ROIs."""
    folder = results(smoke_study)
    samples = read_bdata(folder / SAMPLES)
    sets = np.array(samples.labels("stimulus_set"))
    names = sorted(set(sets.tolist()))  # another order than that of the settings' sets
    for name in names:
        rows = BData(samples.dataset[sets == name], samples.metadata, samples.vmap)
        write_bdata(tmp_path / f"sub-01_{name}.h5", rows, {})

    def change(settings):
        settings["input"] = {
            "kind": "bdata",
            "bdata": {
                name: str(tmp_path / f"{{subject}}_{name}.h5") for name in set(sets.tolist())
            },
            "stimuli": str(folder / "stimuli"),
        }

    found = samples_of(smoke_study, "lab", change)
    for key in ("stimulus_id", "stimulus_set", "Session"):
        assert found.labels(key) == samples.labels(key), key
    np.testing.assert_array_equal(found.select("VoxelData"), samples.select("VoxelData"))
    np.testing.assert_array_equal(found.select("ROI_VC"), samples.select("ROI_VC"))


def test_cleaning_leaves_what_a_still_head_without_drift_would_have_given(smoke_study):
    """Each voxel's samples against those of a twin: the same brain and draws of noise.

    Both with the confounds of the moving head: regressing six smooth time courses out of a run
    takes as many of its degrees of freedom, which is the method's price, not an error of it.
    """

    def change(settings):
        settings["input"]["simulate"] |= {"motion": 0.0, "drift": 0.0}

    samples_of(smoke_study, "still", change)
    folder, twin = results(smoke_study), smoke_study / "results/still"
    steps = PRESETS["shen2019"].model_dump(include=set(Cleaning.model_fields))
    cleaning = Cleaning(**steps)
    by_set = {}
    for confounds in sorted(folder.glob("preprocess/sub-01/runs/*_confounds.tsv")):
        run = confounds.name.removesuffix("_confounds.tsv")
        events = next((folder / "bids").glob(f"sub-01/*/func/sub-01_{run}_events.tsv"))
        pair = [
            values_of(study / f"preprocess/sub-01/runs/{run}.h5", confounds, events, cleaning)
            for study in (folder, twin)
        ]
        by_set.setdefault(run.partition("Image")[2][:4], []).append(pair)
    assert {name: len(pairs) for name, pairs in by_set.items()} == {"Trai": 3, "Test": 2, "01_t": 1}
    for name, pairs in by_set.items():
        moved, still = (np.vstack(runs) for runs in zip(*pairs, strict=True))
        seen = np.flatnonzero((moved != 0).all(axis=0) & (still != 0).all(axis=0))
        r = [np.corrcoef(moved[:, v], still[:, v])[0, 1] for v in seen]
        print(name, np.median(r), np.mean(r), np.percentile(r, 5))
        assert np.median(r) >= 0.95, name


def values_of(series, confounds, events, cleaning):
    """Samples (n_blocks, n_voxels) of a run, cleaned with the motion in a table."""
    motion = pd.read_csv(confounds, sep="\t").to_numpy()[:, :6]
    values, seconds, start = read_series(series)
    return run_samples(
        values,
        motion,
        seconds,
        start,
        events=read_events(events),
        set_name="any",
        session="any",
        name=events,
        cleaning=cleaning,
        imagery_labels="category_index",
    ).values
