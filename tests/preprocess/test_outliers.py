from dataclasses import replace

import numpy as np
import pytest

from deeprecon.preprocess.outliers import flags, measures, rules, spikes
from deeprecon.preprocess.quality import RunQuality, framewise_displacement, run_quality
from tests.preprocess.test_quality import grid, signal

VOXEL = 3.0  # mm, that the runs are judged with


def plain(seed=0) -> RunQuality:
    """A run that breaks no rule."""
    motion = np.cumsum(np.random.default_rng(seed).normal(0, 0.002, (60, 6)), axis=0)
    motion[:, 3:] /= 50
    return run_quality(signal(seed=seed), motion, 2.0, 8.0, grid(40))


def seven():
    """Seven runs of a session that break no rule."""
    return {f"ses-a_task-b_run-{i:02d}": plain(i) for i in range(1, 8)}


def rocking(run):
    """The head rocks by 0.6 mm in every volume."""
    motion = run.motion.copy()
    motion[::2, 0] += 0.6
    return replace(run, motion=motion, framewise_displacement=framewise_displacement(motion))


def often(run):
    """A fifth of a millimetre on average, but 0.6 mm in every fourth volume."""
    displacement = np.where(np.arange(60) % 4 == 0, 0.6, 0.01)
    return replace(run, framewise_displacement=displacement)


def moved(by, volumes=slice(None)):
    def change(run):
        motion = run.motion.copy()
        motion[volumes, 1] += by
        return replace(run, motion=motion)

    return change


def jerks(run):
    values = run.dvars.copy()
    values[10:60:10] *= 2
    return replace(run, dvars=values)


def jolt(run):
    values = run.dvars.copy()
    values[30] = 6 * np.nanmedian(values)
    return replace(run, dvars=values)


def noisy(run):
    return replace(run, temporal_snr=run.temporal_snr * 0.6)


def bright(run):
    return replace(run, mean=run.mean * 1.15)


def cut(run):
    mean = run.mean.copy()
    mean[:5] = np.nan
    return replace(run, mean=mean)


BROKEN = {
    "mean_fd": (rocking, {"mean_fd", "large_fd"}),  # it cannot be without the other
    "large_fd": (often, {"large_fd"}),
    "movement": (moved(3.3, slice(50, None)), {"movement"}),
    "distance": (moved(21.0), {"distance"}),
    "spikes": (jerks, {"spikes"}),
    "dvars_peak": (jolt, {"dvars_peak"}),
    "tsnr_loss": (noisy, {"tsnr_loss"}),
    "brightness": (bright, {"brightness"}),
    "outside": (cut, {"outside"}),
}


def test_every_rule_is_tried_below():
    assert [rule.name for rule in rules(measures(seven()), VOXEL)] == list(BROKEN)


def test_runs_that_break_no_rule_are_not_flagged():
    assert flags(seven(), VOXEL).empty
    assert flags({}, VOXEL).empty


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_flags_its_run_and_no_other(name):
    spoil, expected = BROKEN[name]
    runs = seven()
    runs["ses-a_task-b_run-03"] = spoil(runs["ses-a_task-b_run-03"])
    found = flags(runs, VOXEL)
    assert set(found["run"]) == {"ses-a_task-b_run-03"}
    assert set(found["rule"]) == expected
    assert (found["value"] > found["threshold"]).all()


def test_a_measure_at_its_threshold_is_not_flagged():
    runs = seven()
    displacement = np.full(60, 0.5)
    runs["ses-a_task-b_run-02"] = replace(
        runs["ses-a_task-b_run-02"], framewise_displacement=displacement
    )
    assert measures(runs).loc["ses-a_task-b_run-02", "mean_fd"] == 0.5
    assert flags(runs, VOXEL).empty


def test_too_few_runs_tell_nothing_of_what_is_usual():
    runs = dict(list(seven().items())[:4])
    runs["ses-a_task-b_run-01"] = noisy(runs["ses-a_task-b_run-01"])
    assert measures(runs)["tsnr_loss"].isna().all()
    two = {name: runs[name] for name in list(runs)[:2]}
    two["ses-a_task-b_run-01"] = bright(two["ses-a_task-b_run-01"])
    assert measures(two)["brightness"].isna().all()
    assert flags(runs, VOXEL).empty and flags(two, VOXEL).empty


def test_brightness_is_compared_within_a_session():
    """Another day's gain is no fault."""
    other = {name.replace("ses-a", "ses-b"): bright(run) for name, run in seven().items()}
    assert flags(seven() | other, VOXEL).empty


def test_spikes_need_to_be_large_as_well_as_rare():
    run = plain()
    still = replace(run, dvars=np.where(np.arange(60) % 2, 1.0, 1.0001))
    values = still.dvars.copy()
    values[30] = 1.4  # many robust SDs, but not 1.5 times the usual
    assert not spikes(replace(still, dvars=values)).any()
    values[30] = 1.6
    assert np.flatnonzero(spikes(replace(still, dvars=values))).tolist() == [26]
