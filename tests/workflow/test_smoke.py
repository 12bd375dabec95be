"""The smallest study, end to end; what it made; and what would run again after a change."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from deeprecon.data.bdata import read_bdata
from deeprecon.judge.study import read_key
from deeprecon.preprocess.rigid import grid_centre, motion_matrix, motion_parameters
from tests.conftest import copy_project, snakemake
from tests.judge.simulate import simulate_ratings

pytestmark = pytest.mark.smoke

STUDY = ("--configfile", "config/smoke.yaml")
AFTER_DECODING = {
    "decoding_scores", "decoding_tables", "average_decoded", "reconstruct", "reconstruct_half",
    "baselines", "evaluate", "scores", "check_decoding", "check_images", "checks", "gallery",
    "comparison", "search_figures", "plots", "page", "study_page", "ratings", "model_observers",
    "judgement", "judgement_page",
}  # fmt: skip
AFTER_RECONSTRUCTION = AFTER_DECODING - {
    "decoding_scores", "decoding_tables", "average_decoded", "reconstruct", "reconstruct_half",
    "check_decoding",
}  # fmt: skip
DECODING = {
    "cross_validate", "decode", "decode_halves", "repetitions", "check_retrained", "training_curve",
    "training_curves",
}  # fmt: skip


def results(folder):
    return folder / "results" / "smoke"


def test_simulated_data_set_is_valid_bids(smoke_study):
    """By the official validator; only the layout of ds001506 itself may draw warnings."""
    validator = Path(sys.executable).parent / "bids-validator-deno"
    report = subprocess.run(
        [validator, results(smoke_study) / "bids", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    issues = json.loads(report.stdout)["issues"]["issues"]
    errors = [issue for issue in issues if issue["severity"] == "error"]
    assert not errors, errors[:5]


def true_poses(folder, name):
    with h5py.File(folder / f"truth/sub-01/{name}.h5") as file:
        return file["head_to_scanner"][:]


def test_motion_is_recovered(smoke_study):
    """Within runs and between sessions: 0.05 mm and 0.05 degrees RMS in every run.

    The reference lies where one of the first run's volumes lies; that place is common to all runs.
    """
    folder = results(smoke_study)
    estimated = sorted(folder.glob("preprocess/sub-01/runs/*_confounds.tsv"))
    assert len(estimated) == 6
    reference = nib.load(folder / "preprocess/sub-01/reference.nii.gz")
    centre = grid_centre(reference.shape, reference.affine)
    true, found = {}, {}
    for path in estimated:
        name = path.name.removesuffix("_confounds.tsv")
        rows = pd.read_csv(path, sep="\t").iloc[:, :6].to_numpy()
        true[name] = true_poses(folder, name)
        found[name] = np.array([motion_matrix(row, centre) for row in rows])
    first = next(name for name in true if "Training01" in name)
    place = np.linalg.inv(found[first]) @ true[first]
    mean = motion_matrix(
        np.mean([motion_parameters(matrix, centre) for matrix in place], axis=0), centre
    )
    positions = []
    for name in true:
        expected = [motion_parameters(pose @ np.linalg.inv(mean), centre) for pose in true[name]]
        measured = [motion_parameters(matrix, centre) for matrix in found[name]]
        error = np.sqrt(np.mean(np.subtract(measured, expected) ** 2, axis=0))
        assert error[:3].max() < 0.05, (name, error)
        assert np.rad2deg(error[3:]).max() < 0.05, (name, error)
        positions.append(np.mean(expected, axis=0))
    assert np.ptp(positions, axis=0)[:3].max() > 2  # mm between sessions: there was something


def coregistration_error(folder, matrix):
    """Mean distance, mm, of ROI voxels as placed from where the reference's volumes have them."""
    first = "ses-perceptionNaturalImageTraining01_task-perception_run-01"
    true = true_poses(folder, first)[4:14].mean(axis=0)
    with h5py.File(folder / "preprocess/sub-01/voxels.h5") as file:
        points = np.c_[file["xyz"][:], np.ones(len(file["xyz"]))]
    return np.linalg.norm((points @ (matrix - true).T)[:, :3], axis=1).mean()


def test_coregistration_through_the_inplane_image_is_within_half_a_voxel(smoke_study):
    folder = results(smoke_study)
    matrix = np.loadtxt(folder / "preprocess/sub-01/t1w_to_bold.txt")
    assert coregistration_error(folder, matrix) < 2.0  # voxels are 4 mm


def test_direct_coregistration_is_within_half_a_voxel(smoke_study):
    """The simulated scans given as the user's own, without the in-plane image."""
    folder, target = results(smoke_study), "results/direct/preprocess/sub-01/t1w_to_bold.txt"
    study = own_study(smoke_study, "direct", folder / "bids", {"coregistration": "direct"})
    done = snakemake(smoke_study, target, *study)
    assert done.returncode == 0, done.stdout + done.stderr
    assert coregistration_error(folder, np.loadtxt(smoke_study / target)) < 2.0


def test_samples_follow_the_true_responses(smoke_study):
    """Voxels that carry something answer as the truth says; silent ones do not."""
    folder = results(smoke_study)
    samples = read_bdata(folder / "samples/sub-01.h5")
    sets, ids = np.array(samples.labels("stimulus_set")), samples.labels("stimulus_id")
    rows = np.flatnonzero(sets == "train")
    assert len(rows) == 150
    assert (sets == "shapes").sum() == 40
    stimuli = pd.read_csv(folder / "stimuli/train.tsv", sep="\t", dtype=str)
    place = {name: i for i, name in enumerate(stimuli["stimulus_id"])}
    with h5py.File(folder / "truth/sub-01/brain.h5") as file:
        true = file["responses/train"][:][[place[ids[row]] for row in rows]]
        amplitude = file["amplitude"][:]
    measured = samples.select("VoxelData")[rows]
    assert measured.shape == true.shape
    strong = amplitude > 1
    r = [np.corrcoef(measured[:, v], true[:, v])[0, 1] for v in np.flatnonzero(strong)]
    assert np.median(r) > 0.5
    assert np.median(measured[:, amplitude == 0].std(axis=0)) < np.median(
        measured[:, strong].std(axis=0)
    )


def test_files_carry_where_they_come_from(smoke_study):
    folder = results(smoke_study)
    names = ("truth/sub-01/brain.h5", "preprocess/sub-01/voxels.h5", "samples/sub-01.h5")
    files = [folder / name for name in names]
    files += folder.glob("features/*/*.h5")
    files += folder.glob("decoded/*/*/*/*/*.h5")
    files += folder.glob("decoded/*/*/voxels.h5")
    files += folder.glob("decoded/*/*/*/unit_scores.h5")
    files += folder.glob("recon/*/*/*/*.h5")
    assert len(files) > 10
    for path in files:
        with h5py.File(path) as file:
            keys = {"study", "subject", "created_by", "software", "config_digest"}
            assert keys <= set(file.attrs), path
            assert str(smoke_study) not in str(dict(file.attrs))


def score(table, method, name, metric="pixel_identification"):
    rows = table[
        (table["roi"] == "VC") & (table["method"] == method)
        & (table["set"] == name) & (table["metric"] == metric)
        & (table["condition"] == "reconstruction") & (table["direction"] != "true")
    ]  # fmt: skip
    assert len(rows) == 1
    return rows.iloc[0]


def test_pictures_score_above_chance_and_the_control_does_not(smoke_study):
    table = pd.read_csv(results(smoke_study) / "evaluation/scores.tsv", sep="\t")
    for name, least in (("natural", 0.75), ("shapes", 0.65)):
        row = score(table, "both", name)
        assert row["value"] > least
        assert row["p"] <= 0.01
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
        assert row["true_features"] > row["value"]
        assert score(table, "both", name, "pixel_correlation")["value"] > 0.2
    control = score(table, "permuted_labels", "shapes")
    assert control["p"] > 0.01
    assert abs(control["value"] - 0.5) < 0.2
    assert score(table, "both", "shapes")["permuted_control"] == pytest.approx(
        control["value"], abs=1e-5
    )


def test_every_score_stands_beside_what_less_would_score(smoke_study):
    table = pd.read_csv(results(smoke_study) / "evaluation/scores.tsv", sep="\t")
    here = table[(table["roi"] == "VC") & (table["set"] == "shapes")]
    kinds = {"reconstruction", "control", "true_features", "shuffled_features", "prior_only",
             "nearest_training", "mean_training"}  # fmt: skip
    assert set(here[here["method"] == "both"]["condition"]) == kinds  # shown once: no halves
    low = table[(table["method"] == "low") & (table["subject"] == "sub-average")]
    assert set(low["condition"]) >= {"reconstruction", "mean_features"}
    both = here[(here["method"] == "both") & (here["metric"] == "pixel_correlation")]
    value = both.set_index("condition")["value"]
    assert value["reconstruction"] > value["nearest_training"]
    assert value["reconstruction"] > value["shuffled_features"] + 0.1
    missing = table[table["metric"] == "clip"]["note"]
    assert missing.str.startswith("not computed").all()
    brain = low[low["metric"] == "brain_correlation"]["note"]
    assert brain.str.startswith("not computed").all()
    images = pd.read_csv(
        results(smoke_study) / "evaluation/image_scores.tsv", sep="\t", dtype={"stimulus_id": str}
    )
    rows = images[(images["method"] == "both") & (images["roi"] == "VC")]
    rows = rows[(rows["set"] == "shapes") & (rows["metric"] == "pixel_correlation")]
    assert rows["value"].mean() == pytest.approx(value["reconstruction"], abs=1e-5)


def test_halves_of_the_repetitions_give_a_noise_ceiling(smoke_study):
    table = pd.read_csv(results(smoke_study) / "evaluation/scores.tsv", sep="\t")
    row = score(table, "both", "natural", "pixel_correlation")
    assert 0 < row["split_half"] < row["noise_ceiling"] < 1
    halves = score(table, "both", "natural")  # identification
    assert halves["split_half"] > 0.6
    assert np.isnan(halves["noise_ceiling"])
    once = table[(table["metric"] == "split_half") & (table["set"] == "shapes")]
    assert "no image of the set shapes was shown twice" in once["note"].iloc[0]
    assert "noise ceiling" in (results(smoke_study) / "report/index.html").read_text()


def test_all_checks_are_there_and_nothing_leaks(smoke_study):
    checks = pd.read_csv(results(smoke_study) / "validity/checks.tsv", sep="\t")
    assert set(checks["id"]) == {f"V{k:02d}" for k in range(1, 26)}
    status = checks.groupby("id")["status"].agg(set)
    for check in ("V01", "V02", "V03", "V06", "V07", "V21", "V25"):
        assert status[check] == {"PASS"}, check
    for check in ("V08", "V09", "V10"):
        assert "FAIL" not in status[check], checks[checks["id"] == check]["sentence"].tolist()
    assert status["V20"] == {"WARN"}  # two seeds
    assert status["V22"] == {"NOT RUN"}  # no imagery
    page = (results(smoke_study) / "report/index.html").read_text()
    assert "training images among the test images" in page


def test_pictures_page_and_gallery_exist(smoke_study):
    folder = results(smoke_study)
    images = sorted((folder / "recon/sub-01/VC/both/shapes").glob("*.png"))
    assert len(images) == 40
    with Image.open(images[0]) as image:
        assert image.size == (64, 64)
    page = (folder / "report/index.html").read_text()
    assert page.count("data:image/png;base64,") == 15
    assert "Simulated data" in page
    assert "http" not in re.sub(r"data:[^\"]*", "", page)  # nothing is fetched
    assert str(smoke_study) not in page
    with Image.open(folder / "report/gallery_shapes.png") as gallery:
        assert gallery.width > 1000


def test_model_observers_judge_where_no_person_has(smoke_study):
    folder = results(smoke_study)
    assert (folder / "judge/index.html").is_file()
    for name in ("responses", "raters", "findings"):
        assert pd.read_csv(folder / f"judge/{name}.tsv", sep="\t").empty
    accuracy = pd.read_csv(folder / "judge/accuracy.tsv", sep="\t")
    assert accuracy["judges"].str.startswith("observer-").all()
    assert set(accuracy["task"]) == {"identification", "colour_shape"}
    of_pixels = accuracy[accuracy["judges"] == "observer-pixel"].set_index(["task", "set"])
    assert (of_pixels.loc["identification", "accuracy"] > 0.6).all()
    page = (folder / "report/judgement.html").read_text()
    assert "No person has judged these pictures yet" in page
    assert "model observers" in page
    assert "http" not in re.sub(r"data:[^\"]*", "", page)


def test_dropped_ratings_run_their_analysis_alone(smoke_study):
    """Files of simulated raters in the folder, a clicker and a broken file among them."""
    folder = results(smoke_study)
    key, sha256 = read_key(folder / "judge/trials.tsv")
    sent = folder / "judge/ratings"
    sent.mkdir()
    try:
        rated = simulate_ratings(key, lists=[1, 2, 3], ability=2.5, study=sha256, seed=1)
        rated += simulate_ratings(key, lists=[4], kind="clicker", study=sha256, seed=2)
        for one in rated:
            (sent / f"{one['rater']}.json").write_text(json.dumps(one))
        (sent / "broken.json").write_text('{"schema": ')
        assert rerun(smoke_study) == {"ratings", "judgement", "judgement_page"}
        done = snakemake(smoke_study, "--cores", "2", *STUDY)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "broken.json: bad_json" in done.stdout + done.stderr
        raters = pd.read_csv(folder / "judge/raters.tsv", sep="\t").set_index("rater")
        assert raters["kept"].to_dict() == {
            "r001": True, "r002": True, "r003": True, "r004": False,
        }  # fmt: skip
        accuracy = pd.read_csv(folder / "judge/accuracy.tsv", sep="\t")
        people = accuracy[(accuracy["judges"] == "raters") & (accuracy["raters"] == "kept")]
        assert (people.loc[people["task"] == "identification", "accuracy"] > 0.7).all()
        page = (folder / "report/judgement.html").read_text()
        assert "4 raters, of whom 3 are kept" in page
        assert "bad_json" in page
        assert rerun(smoke_study) == set()
    finally:
        shutil.rmtree(sent)
    done = snakemake(smoke_study, "--cores", "2", *STUDY)
    assert done.returncode == 0, done.stdout + done.stderr


def rerun(folder, *arguments):
    """Rules that Snakemake would run, from a dry run."""
    result = snakemake(folder, "-n", "--cores", "2", *STUDY, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout + result.stderr
    found = set(re.findall(r"^(\w+) +\d+$", text, flags=re.M)) - {"total", "all"}
    assert found or "Nothing to be done" in text
    return found


@pytest.fixture
def edit(smoke_study):
    """Replace text in a file of the copy, and put it back afterwards."""
    before = {}

    def replace(name, old, new):
        path = smoke_study / name
        before.setdefault(path, path.read_text())
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    yield replace
    for path, text in before.items():
        path.write_text(text)


def test_nothing_changed_nothing_runs(smoke_study):
    assert rerun(smoke_study) == set()


def test_a_comment_or_docstring_runs_nothing(smoke_study, edit):
    edit("deeprecon/reconstruct/scaling.py", "def match_contrast", "# why\ndef match_contrast")
    edit("deeprecon/reconstruct/objective.py", '"""The objective', '"""Another text: the objective')
    assert rerun(smoke_study) == set()


def test_a_changed_loss_runs_reconstruction_and_what_follows(smoke_study, edit):
    old = "return lambda found: _total((found - target).square()) / power"
    edit("deeprecon/reconstruct/losses.py", old, old.replace("square", "abs"))
    assert rerun(smoke_study) == AFTER_RECONSTRUCTION | {
        "reconstruct", "reconstruct_half", "reconstruct_true", "reconstruct_mean",
    }  # fmt: skip


def change_setting(smoke_study, change):
    path = smoke_study / "config/smoke.yaml"
    settings = yaml.safe_load(path.read_text())
    change(settings)
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


def test_a_decoder_setting_runs_that_decoder_and_what_follows(smoke_study, edit):
    edit("config/smoke.yaml", "n_voxels: 80, alpha: 100}", "n_voxels: 80, alpha: 50}")
    assert rerun(smoke_study) == AFTER_DECODING | DECODING
    jobs = snakemake(smoke_study, "-n", "--cores", "2", *STUDY).stdout
    assert re.search(r"^decode +4$", jobs, flags=re.M)  # layers x ROIs; the control's stay


def test_an_evaluation_setting_runs_evaluation_and_report(smoke_study, edit):
    edit("config/smoke.yaml", "n_permutations: 999", "n_permutations: 500")
    assert rerun(smoke_study) == {
        "evaluate", "scores", "checks", "plots", "page", "judgement", "judgement_page",
    }  # fmt: skip


def test_a_preprocessing_setting_keeps_realignment(smoke_study, edit):
    edit("config/smoke.yaml", "rois:\n", "preprocess: {delay: 6}\n\nrois:\n")
    changed = {"samples", "quality_page", "region_voxels", "encode"}
    assert rerun(smoke_study) == AFTER_DECODING | DECODING | changed


def test_all_files_touched_nothing_runs(smoke_study):
    for part in (*smoke_study.glob("*.yaml"), *(smoke_study / "workflow").rglob("*"),
                 *(smoke_study / "deeprecon").rglob("*"), smoke_study / "Snakefile",
                 *(smoke_study / "config").rglob("*")):  # fmt: skip
        part.touch()
    assert rerun(smoke_study) == set()


def test_a_fresh_clone_over_the_same_results_runs_nothing(smoke_study, tmp_path):
    """New checkout, old results: with Snakemake's records, and without them."""
    clone = tmp_path / "clone"
    clone.mkdir()
    copy_project(clone)
    shutil.copytree(smoke_study / "results", clone / "results", symlinks=True)
    assert rerun(clone) == set()
    shutil.rmtree(clone / ".snakemake")
    shutil.copytree(smoke_study / ".snakemake", clone / ".snakemake")
    assert rerun(clone) == set()
    path = clone / "deeprecon/reconstruct/priors.py"
    path.write_text(path.read_text().replace("255 * torch.sigmoid", "254 * torch.sigmoid"))
    assert "reconstruct" in rerun(clone)


def digests(folder):
    """Of the datasets and tables that the stages made; without attributes."""
    found = {}
    for path in sorted(folder.rglob("*.h5")):
        with h5py.File(path) as file:
            parts = {}
            file.visititems(
                lambda name, item, parts=parts: parts.update(
                    {name: item[()].tobytes() if item.dtype != object else str(item[()])}
                    if isinstance(item, h5py.Dataset) else {}
                )
            )  # fmt: skip
        found[str(path)] = hash(frozenset(parts.items()))
    for path in sorted(folder.rglob("*.tsv")):
        if "benchmarks" not in path.parts:
            found[str(path)] = hash(path.read_bytes())
    return found


def test_the_same_settings_give_the_same_bits(smoke_study):
    before = digests(results(smoke_study))
    rules = (
        "simulate_brain",
        "samples",
        "region_voxels",
        "cross_validate",
        "decode",
        "reconstruct",
        "evaluate",
    )
    done = snakemake(smoke_study, "--cores", "2", *STUDY, "--forcerun", *rules)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(before) > 30
    assert digests(results(smoke_study)) == before


def own_study(folder, name, bids, preprocess=None):
    """Settings of the smoke study with its own data set given as a user's."""
    settings = yaml.safe_load((folder / "config/smoke.yaml").read_text())
    settings["study"] = name
    stimuli = str(results(folder) / "stimuli")
    settings["input"] = {"kind": "bids", "bids": str(bids), "stimuli": stimuli}
    settings["preprocess"] = preprocess or {}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return ("--cores", "2", "--configfile", f"{name}.yaml")


def test_a_job_with_bad_input_ends_with_one_line_and_leaves_nothing(smoke_study, tmp_path):
    bids = tmp_path / "bids"
    shutil.copytree(results(smoke_study) / "bids", bids)
    events = next(bids.rglob("*perceptionArtificialImage01*_events.tsv"))
    events.write_text(events.read_text().replace("\t8\t1\t", "\t8\tone\t", 1))
    target = "results/bad/samples/sub-01.h5"
    done = snakemake(smoke_study, target, *own_study(smoke_study, "bad", bids))
    assert done.returncode != 0
    lines = (smoke_study / "results/bad/logs/blocks/sub-01.log").read_text().splitlines()
    assert len(lines) == 1
    assert re.fullmatch(r"blocks: .*_events\.tsv: row \d+: event_type is 'one', .*", lines[0])
    assert not (smoke_study / "results/bad/preprocess/sub-01/blocks.tsv").exists()
    assert not list((smoke_study / "results/bad").glob("samples/*"))


def test_own_bids_data_take_the_same_way(smoke_study):
    """The simulated data set, given as the user's own, gives the same samples."""
    folder, target = results(smoke_study), "results/own/samples/sub-01.h5"
    done = snakemake(smoke_study, target, *own_study(smoke_study, "own", folder / "bids"))
    assert done.returncode == 0, done.stdout + done.stderr
    same = read_bdata(folder / "samples/sub-01.h5"), read_bdata(smoke_study / target)
    np.testing.assert_array_equal(same[0].dataset, same[1].dataset)
