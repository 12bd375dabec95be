"""The simulator keeps its promises: geometry, tuning, haemodynamics, and known answers."""

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import affine_transform

from deeprecon.data.simulate import anatomy, design, scanner, subject, tuning
from deeprecon.data.simulate.images import draw_shape, shape_images, training_images
from deeprecon.data.simulate.settings import Physiology
from deeprecon.data.stimuli import read_stimuli, write_stimuli

GRID = anatomy.epi_grid(4.0)
SETTINGS = {
    "voxel_size": 4.0, "response": 1.0, "silent": 0.25, "thermal": 0.0, "physiological": 0.0,
    "drift": 0.0, "motion": 0.0, "imagery": 0.5,
}  # fmt: skip


def test_grid_is_oblique_and_isotropic():
    axes = GRID.affine[:3, :3]
    np.testing.assert_allclose(axes.T @ axes, np.eye(3) * 16, atol=1e-9)
    assert np.abs(axes / 4 - np.eye(3)).max() > 0.1
    np.testing.assert_allclose(GRID.centre, GRID.world().reshape(-1, 3).mean(0), atol=1e-9)


def test_regions_lie_in_grey_matter_behind_the_front_of_the_brain():
    masks = anatomy.regions(GRID)
    tissue = anatomy.tissue(GRID.world())
    assert len(masks) == 22  # as many as ds001506 ships for a subject
    for mask in masks.values():
        assert mask.sum() > 30
        assert (tissue[mask] == anatomy.GREY_MATTER).all()
    early = [masks[f"LH_{name}"] for name in ("V1d", "V1v", "V2d", "V2v", "V3d", "V3v", "hV4")]
    assert sum(mask.astype(int) for mask in early).max() == 1  # areas do not overlap
    for part in anatomy.HVC_PARTS:
        assert (masks[f"RH_{part}"] <= masks["RH_HVC"]).all()


def test_left_hemisphere_sees_the_right_field_and_dorsal_areas_the_lower():
    masks = anatomy.regions(GRID)
    xyz = np.concatenate([GRID.world()[masks[name]] for name in ("LH_V1d", "RH_V1v")])
    region = np.array(["V1d"] * masks["LH_V1d"].sum() + ["V1v"] * masks["RH_V1v"].sum())
    x, y = anatomy.visual_field(xyz, region, np.random.default_rng(0))
    left = region == "V1d"
    assert x[left].mean() > 0.6 > 0.4 > x[~left].mean()
    assert y[left].mean() > 0.6 > 0.4 > y[~left].mean()


def one_voxel(x, y, channel):
    """A V1 voxel with a single first-stage channel."""
    first = np.zeros((1, 15))
    first[0, channel] = 1.0
    return tuning.Tuning(
        np.array(["V1"]), np.array([x]), np.array([y]), np.array([0.06]), np.ones(1), first,
        np.zeros((1, 26)),
    )  # fmt: skip


def test_receptive_field_sees_its_place_and_colour():
    """A red-green voxel answers to red where it looks, not elsewhere, and not to blue."""
    grey = np.full((64, 64, 3), 128, np.uint8)
    probes = {"grey": grey, "here": grey.copy(), "there": grey.copy(), "blue": grey.copy()}
    probes["here"][8:24, 8:24] = (255, 0, 0)
    probes["there"][40:56, 40:56] = (255, 0, 0)
    probes["blue"][8:24, 8:24] = (64, 64, 255)
    train = np.stack([image for image, _ in training_images(40, 64, seed=0).values()])
    stimuli = {"train": train, "probes": np.stack(list(probes.values()))}
    found = tuning.responses(one_voxel(0.25, 0.25, 1), stimuli)["probes"][:, 0]
    grey_response, here, there, blue = found
    assert here - grey_response > 1
    assert abs(there - grey_response) < 0.05
    assert abs(blue - grey_response) < 0.05


def test_energy_channels_prefer_their_orientation():
    bars = np.zeros((64, 64))
    bars[:, ::8], bars[:, 1::8], bars[:, 2::8], bars[:, 3::8] = 1, 1, 1, 1  # vertical, 1/8 c/px
    images = np.stack([bars, bars.T])[..., None].repeat(3, -1) * 255
    first, _ = tuning.channels(images.astype(np.uint8))
    energy = first[:, 3:].reshape(2, 3, 4, 16, 16).mean(axis=(3, 4))  # image, frequency, angle
    vertical, horizontal = energy[:, 1, 0], energy[:, 1, 2]
    assert vertical[0] > 5 * vertical[1]
    assert horizontal[1] > 5 * horizontal[0]
    assert energy[0, :, 0].argmax() == 1


def test_silent_voxels_are_silent_and_the_others_vary_as_asked():
    rng = np.random.default_rng(0)
    n = 400
    active = np.ones((20, 20, 1), bool)
    region = np.array(["V1"] * n)
    drawn = tuning.draw_tuning(active, region, rng.random(n), rng.random(n), 0.25, 1.0, rng)
    train = np.stack([image for image, _ in training_images(60, 32, seed=0).values()])
    sd = tuning.responses(drawn, {"train": train})["train"].std(axis=0)
    assert 0.15 < (sd == 0).mean() < 0.35
    assert 0.6 < np.median(sd[sd > 0]) < 1.1


def test_haemodynamic_response_is_the_canonical_one():
    t = np.arange(0, 32, 0.01)
    response = scanner.haemodynamic_response(t)
    assert response.sum() * 0.01 == pytest.approx(1, abs=0.01)
    assert t[response.argmax()] == pytest.approx(5, abs=0.1)
    assert 12 < t[response.argmin()] < 17


def test_block_time_course_is_the_convolution():
    times = np.arange(0, 60, 2.0)
    found = scanner.block_time_course(np.array([10.0]), np.array([8.0]), times)[:, 0]
    fine = np.arange(0, 60, 0.01)
    box = ((fine >= 10) & (fine < 18)).astype(float)
    reference = np.convolve(box, scanner.haemodynamic_response(fine))[: len(fine)] * 0.01
    np.testing.assert_allclose(found, np.interp(times, fine, reference), atol=0.01)


def test_scanner_moves_the_head():
    """A head moved by exactly one voxel along i appears one voxel further along i."""
    machine = scanner.Scanner(GRID)
    still, moved = np.eye(4), np.eye(4)
    moved[:3, 3] = GRID.affine[:3, 0]
    silence = Physiology(thermal=0, physiological=0, drift=0)
    active = np.zeros(GRID.shape, bool)
    volumes = machine.run(
        active, np.zeros((2, 0)), np.stack([still, moved]), silence, np.random.default_rng(0)
    )
    np.testing.assert_allclose(volumes[1:, ..., 1], volumes[:-1, ..., 0], rtol=0.02, atol=3)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Brain and one shapes run without noise or motion."""
    root = tmp_path_factory.mktemp("simulated")
    write_stimuli(root / "stimuli", "shapes", shape_images(32))
    train = np.stack([image for image, _ in training_images(40, 32, seed=0).values()])
    shapes = np.stack([image for image, _ in shape_images(32).values()])
    physiology = Physiology(**SETTINGS)
    sessions = {"shapes": "perceptionArtificialImage"}
    run = design.planned_runs(root / "bids", "sub-01", sessions, {"shapes": 1})[0]
    masks = [root / f"sub-01_mask_{side}_{name}.nii.gz" for side in ("LH", "RH")
             for name in ("V1d", "HVC")]  # fmt: skip
    subject.simulate_brain(
        root / "T1w.nii.gz", masks, root / "brain.h5", "sub-01",
        {"train": train, "shapes": shapes}, physiology, 0, {"study": "test"},
    )  # fmt: skip
    subject.simulate_run(
        run, root / "brain.h5", root / "motion.h5", read_stimuli(root / "stimuli/shapes.tsv"),
        "shapes", 0, 1, physiology, 0, {"study": "test"},
    )  # fmt: skip
    return root, run


def test_files_are_what_a_scanner_writes(simulated):
    root, run = simulated
    bold = nib.load(run.bold)
    assert bold.get_data_dtype() == np.int16
    assert bold.header["scl_slope"] not in (0, 1)
    assert bold.header.get_zooms()[3] == 2.0
    assert bold.header.get_xyzt_units() == ("mm", "sec")
    assert int(bold.header["sform_code"]) == int(bold.header["qform_code"]) == 1
    assert bold.shape == (*GRID.shape, 195)  # 32 s + (40 + 4) x 8 s + 6 s, as in ds001506
    assert nib.load(root / "T1w.nii.gz").get_data_dtype() == np.int16
    assert set(np.unique(nib.load(root / "sub-01_mask_LH_V1d.nii.gz").dataobj)) == {0, 1}


def test_events_speak_the_language_of_ds001506(simulated):
    events = pd.read_csv(simulated[1].events, sep="\t", dtype=str, keep_default_na=False)
    assert list(events.columns) == [
        "onset", "duration", "event_type", "stimulus_id", "stimulus_name", "category_index",
        "image_index", "response_time",
    ]  # fmt: skip
    assert events.iloc[0].tolist() == ["0", "32", "-1"] + ["n/a"] * 5
    assert events.iloc[-1].tolist()[1:] == ["6", "-2"] + ["n/a"] * 5
    assert (events["event_type"] == "1").sum() == 40
    repeats = events.index[events["event_type"] == "2"]
    assert len(repeats) == 4
    for i in repeats:
        assert events.loc[i, "stimulus_id"] == events.loc[i - 1, "stimulus_id"]
        onset, pressed = float(events.loc[i, "onset"]), float(events.loc[i, "response_time"])
        assert onset < pressed < onset + 8
    ends = events["onset"].astype(int) + events["duration"].astype(int)
    assert (ends[:-1].to_numpy() == events["onset"].astype(int)[1:].to_numpy()).all()
    assert "colorExpStim19_yellow_+" in set(events["stimulus_name"])


def test_active_voxels_follow_their_true_responses(simulated):
    """Undo the known pose: the scan holds the true time course where the truth says so."""
    root, run = simulated
    with h5py.File(root / "brain.h5") as file:
        active, amplitude = file["active"][:], file["amplitude"][:]
        true = file["responses/shapes"][:]
        assert file.attrs["study"] == "test"
    with h5py.File(root / "motion.h5") as file:
        pose = file["head_to_scanner"][0]
    bold = nib.load(run.bold)
    to_scan = np.linalg.inv(GRID.affine) @ pose @ GRID.affine
    events = pd.read_csv(run.events, sep="\t")
    block = events[events["event_type"] == 1].iloc[20]
    volumes = np.arange(6) + int(block["onset"] / 2) + 2
    mean = np.asarray(bold.dataobj)[..., :16].mean(axis=3)
    during = np.asarray(bold.dataobj)[..., volumes].mean(axis=3)
    change = 100 * (during - mean) / mean
    change = affine_transform(change, to_scan[:3, :3], to_scan[:3, 3], order=1)[active]
    strong = np.abs(true[int(float(block["stimulus_id"])) - 1]) > 1.0
    assert strong.sum() > 100
    agreement = np.corrcoef(change[strong], true[int(float(block["stimulus_id"])) - 1][strong])
    assert agreement[0, 1] > 0.6
    silent = amplitude == 0
    assert np.abs(change[silent]).mean() < 0.7 * np.abs(change[strong]).mean()


def test_training_runs_cycle_through_the_images():
    ids = [str(i) for i in range(100)]
    parts = [design.ids_of_run("train", ids, i, 3) for i in range(3)]
    assert [name for part in parts for name in part] == ids
    assert design.ids_of_run("shapes", ids, 2, 3) == ids


def test_sessions_hold_eight_runs_and_numbers_restart(tmp_path):
    runs = design.planned_runs(tmp_path, "sub-01", {"train": "imgTraining"}, {"train": 10})
    assert [(run.session, run.run) for run in runs[7:9]] == [
        ("ses-imgTraining01", "08"),
        ("ses-imgTraining02", "01"),
    ]


def test_unrelated_draws_do_not_depend_on_order():
    first = subject.generator(1, "sub-01", "run").random()
    subject.generator(1, "sub-02", "run").random()
    assert first == subject.generator(1, "sub-01", "run").random()
    assert first != subject.generator(2, "sub-01", "run").random()


def test_imagery_trials():
    table = pd.DataFrame({"stimulus_id": ["1", "2"], "category": ["red_+", "eagle"]})
    events = design.imagery_events(table, ["1", "2"], np.random.default_rng(0))
    assert events["event_type"].tolist() == [-1, 1, 2, 3, 4, 1, 2, 3, 4, -2]
    assert events["onset"].tolist()[:4] == [0, 32, 36, 44]
    assert events["trial_no"].tolist()[-1] == 4


def test_shape_colours_survive_in_the_simplest_voxels():
    """Two colours of one shape differ in colour channels, not in the pattern of luminance."""
    shapes = np.stack([draw_shape(c, "square", 64) for c in ("red", "green")])
    first, _ = tuning.channels(shapes)
    red, green = first[:, 1, 7:9, 7:9].mean(axis=(1, 2))
    assert red > 0.4
    assert green < -0.4
