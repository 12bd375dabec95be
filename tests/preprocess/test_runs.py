import json

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from deeprecon.data.images import load_image
from deeprecon.errors import InputError
from deeprecon.preprocess.quality import head_positions
from deeprecon.preprocess.rigid import grid_centre
from deeprecon.preprocess.runs import fmriprep_reference, read_raw_run
from deeprecon.preprocess.slices import correct_slice_times
from tests.preprocess.phantom import displacement, head, oblique_affine, rigid, scan

SHAPE, SECONDS, N_VOLUMES = (20, 22, 14), 2.0, 12
AFFINE = oblique_affine(SHAPE, (8, 8, 8), (5, -4, 3))
CENTRE = grid_centre(SHAPE, AFFINE)
TIMES = [round(SECONDS * k / SHAPE[2], 3) for k in range(SHAPE[2])]
XYZ = apply_affine(AFFINE, [[10, 11, 7], [8, 9, 3], [12, 6, 10]])


@pytest.fixture
def run(tmp_path):
    """A run on disk whose signal oscillates while slices are acquired; the reference is at rest."""
    rng = np.random.default_rng(0)
    still = scan(head, SHAPE, AFFINE)
    wave = np.sin(2 * np.pi * (np.arange(N_VOLUMES)[:, None] * SECONDS + np.array(TIMES)) / 12)
    data = still[..., None] * (1 + 0.1 * wave.T[None, None])
    data += rng.normal(0, 2, data.shape)
    folder = tmp_path / "sub-01" / "func"
    folder.mkdir(parents=True)
    bold = folder / "sub-01_task-b_bold.nii.gz"
    image = nib.Nifti1Image(data.astype(np.float32), AFFINE)
    image.header.set_zooms((8, 8, 8, SECONDS))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, bold)
    sidecar = {"RepetitionTime": SECONDS, "SliceTiming": TIMES}
    bold.with_name("sub-01_task-b_bold.json").write_text(json.dumps(sidecar))
    return bold, nib.Nifti1Image(still, AFFINE)


def read(run, **changes):
    bold, reference = run
    steps = {
        "motion_correction": "none",
        "slice_timing": False,
        "dummy_scan_duration": 2.0,
    } | changes
    return read_raw_run(bold, reference, XYZ, head_positions(reference, 8.0), **steps)


def test_voxels_of_a_run_in_place_are_its_values(run):
    found = read(run)
    data = load_image(run[0]).get_fdata()
    np.testing.assert_allclose(found.series, data[[10, 8, 12], [11, 9, 6], [7, 3, 10]].T, rtol=1e-4)
    assert (found.repetition_time, found.start) == (SECONDS, 0.0)
    assert (found.confounds["trans_x"] == 0).all()
    assert len(found.quality.motion) == N_VOLUMES


def test_slice_times_are_corrected_before_voxels_are_read(run):
    found = read(run, slice_timing=True)
    data = np.asarray(load_image(run[0]).dataobj, np.float32)
    expected = correct_slice_times(data, TIMES, SECONDS)[[10, 8, 12], [11, 9, 6], [7, 3, 10]].T
    np.testing.assert_allclose(found.series, expected, rtol=1e-4)
    assert np.abs(found.series - read(run).series).max() > 10


def test_slice_times_that_do_not_fit_name_the_run(run):
    sidecar = run[0].with_name("sub-01_task-b_bold.json")
    sidecar.write_text(json.dumps({"RepetitionTime": SECONDS, "SliceTiming": TIMES[1:]}))
    with pytest.raises(InputError, match=r"task-b_bold.json: 13 slice times, but .*nii.gz has 14"):
        read(run, slice_timing=True)


def test_a_head_that_lies_elsewhere_is_read_where_it_lies(run):
    """The voxels are given in the reference's world; the run is 6 mm and 4 degrees away."""
    bold, reference = run
    true = rigid([3.0, -4.0, 3.0, 0.07, 0.0, -0.03], CENTRE)
    rng = np.random.default_rng(1)
    moved = scan(head, SHAPE, AFFINE, true)[..., None] + rng.normal(0, 3, (*SHAPE, N_VOLUMES))
    image = nib.Nifti1Image(moved.astype(np.float32), AFFINE)
    image.header.set_zooms((8, 8, 8, SECONDS))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, bold)
    found = read(run, motion_correction="gauss_newton")
    expected = np.asarray(reference.dataobj)[[10, 8, 12], [11, 9, 6], [7, 3, 10]]
    np.testing.assert_allclose(found.series.mean(axis=0), expected, rtol=0.05)
    parameters = found.confounds.to_numpy()[:, :6].mean(axis=0)
    assert displacement(rigid(parameters, CENTRE), true) < 0.3


def test_reference_of_a_preprocessed_run_is_the_mean_of_its_last_volumes():
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 9)).astype(np.float32)
    found = fmriprep_reference(nib.Nifti1Image(data, AFFINE), 4)
    np.testing.assert_allclose(found.get_fdata(), data[..., 5:].mean(axis=3), rtol=1e-5)
    with pytest.raises(InputError, match=r"shape \(3, 4, 5\), expected four dimensions"):
        fmriprep_reference(nib.Nifti1Image(data[..., 0], AFFINE), 4)
