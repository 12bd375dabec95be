"""The workflow before any job: it plans what it should and refuses what it cannot do."""

import re

import pytest
import yaml

from tests.conftest import ROOT, copy_project, snakemake


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    copy_project(folder)
    return folder


def planned(result) -> dict[str, int]:
    """Rule -> number of jobs, from the table of a dry run."""
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout + result.stderr
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", text, flags=re.M)}


def test_demo_plans_every_stage(project):
    jobs = planned(snakemake(project, "-n", "--cores", "2"))
    assert jobs["simulate_run"] == jobs["realign_run"] == 27
    assert jobs["decode"] == 7 * 3 + 7  # layers x ROIs, and the control in VC
    assert jobs["reconstruct"] == 3 * 4 + 2 + 2 + 1 + 4
    assert jobs["search_figures"] == jobs["gallery"] == 4  # sets
    assert jobs["page"] == jobs["study_page"] == jobs["samples"] == jobs["quality_page"] == 1
    assert jobs["region_voxels"] == 3
    assert jobs["cross_validate"] == jobs["repetitions"] == jobs["decoding_scores"] == 4
    assert jobs["evaluate"] == 7  # methods x ROIs
    assert jobs["encode"] == jobs["check_retrained"] == 3  # ROIs
    assert jobs["check_images"] == jobs["reconstruct"] - 4  # not of the control
    assert jobs["reconstruct_mean"] == jobs["checks"] == 1
    assert jobs["total"] < 250


def test_a_bad_study_is_refused_in_one_line_before_any_job(project):
    settings = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    settings["methods"]["both"]["layers"] = ["stem", "b99"]
    (project / "bad.yaml").write_text(yaml.safe_dump(settings))
    result = snakemake(project, "--cores", "1", "--configfile", "bad.yaml")
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if "config:" in line]
    assert lines == ["config: methods.both.layers: unknown layer 'b99'; known: stem, b2"]
    assert "Traceback" not in result.stderr
    assert not (project / "results").exists()


def test_an_roi_of_unknown_masks_is_refused(project):
    settings = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    settings["rois"]["VC"] = "LVC + V9"
    (project / "bad.yaml").write_text(yaml.safe_dump(settings))
    result = snakemake(project, "-n", "--configfile", "bad.yaml")
    assert result.returncode != 0
    assert "config: rois.VC: unknown mask or region 'V9' in 'LVC + V9'" in result.stdout


def test_the_users_study_replaces_the_demo_instead_of_mixing_with_it(project):
    jobs = planned(snakemake(project, "-n", "--cores", "2", "--configfile", "config/smoke.yaml"))
    assert jobs["simulate_run"] == 6
    assert jobs["decode_halves"] == 2 * 2  # layers x ROIs
    assert jobs["reconstruct_half"] == 2 * 2 * 2  # halves x ROIs x sets
    assert jobs["reconstruct"] == 2 * 2 + 1 + 2 + 1  # ROIs x sets, averaged, seeds, the control
    assert jobs["average_decoded"] == jobs["train_generator"] == 1
    assert jobs["comparison"] == 2  # sets with several ROIs


def test_the_template_names_the_missing_folder(project):
    result = snakemake(project, "-n", "--configfile", "config/template.yaml")
    assert result.returncode != 0
    assert "<folder of the BIDS data set>: no such folder" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_features_that_the_lab_decoded_need_no_brain_data(project):
    settings = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    for key in ("judge", "preprocess", "generators"):
        settings.pop(key, None)
    (project / "stimuli").mkdir(exist_ok=True)
    for name in settings["sets"]:
        (project / f"stimuli/{name}.tsv").write_text("stimulus_id\tfile\n")
    (project / "lab").mkdir(exist_ok=True)
    settings["input"] = {"kind": "decoded", "stimuli": "stimuli"}
    settings["rois"] = {"VC": "VC", "LVC": "LVC"}
    settings["decoders"] = {"lab": {"model": "import", "folder": "lab", "names": {"sub-01": "S1"}}}
    settings["methods"] = {"both": settings["methods"]["both"] | {"decoder": "lab"}}
    settings["evaluate"] = {"retrain": True}  # of which there is nothing to train
    (project / "decoded.yaml").write_text(yaml.safe_dump(settings))
    result = snakemake(project, "-n", "--configfile", "decoded.yaml")
    assert "methods.both.layer_weights: accuracy, which imported features lack" in result.stdout
    settings["methods"]["both"]["layer_weights"] = "equal"
    (project / "decoded.yaml").write_text(yaml.safe_dump(settings))
    jobs = planned(snakemake(project, "-n", "--configfile", "decoded.yaml"))
    assert jobs["import_decoded"] == 2 * 2  # layers x ROIs
    assert jobs["decoding_scores"] == 2
    assert jobs["reconstruct"] == 2 * 2  # ROIs x sets
    assert jobs["reconstruct_true"] == 2
    of_brains = {"samples", "region_voxels", "cross_validate", "decode", "repetitions", "encode",
                 "check_decoding", "check_retrained", "training_curves"}  # fmt: skip
    assert not of_brains & set(jobs)
    assert jobs["check_images"] == 2 * 2


def test_slurm_profile_is_understood(project):
    """As far as it goes without a cluster: the plugin loads, resources are parsed."""
    result = snakemake(project, "-n", "--workflow-profile", "profiles/slurm")
    assert planned(result)["reconstruct"] == 21
    verbose = snakemake(project, "-n", "-p", "--workflow-profile", "profiles/slurm")
    block = re.search(r"rule reconstruct:.*?resources: ([^\n]*)", verbose.stdout, flags=re.S)
    assert "gpu=1" in block[1]
    assert "slurm_partition=gpu" in block[1]


DIGESTS = {"reconstruct": "search_code"}


def test_every_rule_has_an_environment_a_log_and_a_code_digest():
    rules = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules = re.sub(r"^use rule .*?(?=^\S|\Z)", "", rules, flags=re.M | re.S)  # have another's
    blocks = re.split(r"^ *rule (\w+):$", rules, flags=re.M)[1:]
    assert len(blocks) > 30
    for name, block in zip(blocks[::2], blocks[1::2], strict=True):
        wanted = ["log:", "conda:", "code=", "script:"]
        if name == "fmriprep":  # its environment and its code are the container
            wanted = ["log:", "shell:"]
        for directive in wanted:
            assert block.count(directive) == 1, block
        if "script:" in wanted:
            script = re.search(r'"\.\./scripts/(\w+)\.py"', block)[1]
            # Where settings choose functions, a function of the wildcards digests them too.
            digest = r"code=(decoder_)?code\(\s*" + f'"{script}"'
            assert re.search(digest, block) or f"code={DIGESTS.get(script)}," in block, block


@pytest.fixture(scope="module")
def ds001506(project):
    """The files that config/shen2019.yaml looks for, empty, of one session a set."""
    tasks = {
        "perceptionNaturalImageTraining01": "perception",
        "perceptionNaturalImageTest01": "perception",
        "perceptionArtificialImage01": "perception",
        "perceptionLetterImage01": "perception",
        "imagery01": "imagery",
    }
    bids = project / "data" / "ds001506"
    for subject in ("sub-01", "sub-02", "sub-03"):
        for session, task in tasks.items():
            folder = bids / subject / f"ses-{session}"
            for number in ("01", "02"):
                stem = f"func/{subject}_ses-{session}_task-{task}_run-{number}"
                touch(folder / f"{stem}_bold.nii.gz")
                touch(folder / f"{stem}_bold.json")
                touch(folder / f"{stem}_events.tsv")
            touch(folder / f"anat/{subject}_ses-{session}_inplaneT2.nii.gz")
        touch(bids / subject / "ses-anatomy/anat" / f"{subject}_ses-anatomy_T1w.nii.gz")
        for side in ("LH", "RH"):
            for name in ("V1d", "V1v", "V2d", "V2v", "V3d", "V3v", "hV4", "HVC"):
                touch(bids / f"sourcedata/{subject}/anat/{subject}_mask_{side}_{name}.nii.gz")
    for name in ("train", "natural", "shapes", "letters", "imagery"):
        touch(project / f"data/stimuli/{name}.tsv")
    touch(project / "license.txt")
    return project


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def with_input(folder, name, **changes):
    """config/shen2019.yaml with another kind of input, as a file in the project."""
    settings = yaml.safe_load((ROOT / "config" / "shen2019.yaml").read_text())
    settings["input"] = settings["input"] | changes
    if settings["input"]["kind"] == "bdata":
        settings["rois"] = {"V1": "V1", "VC": "VC", "LVC": "LVC", "HVC": "HVC"}
        del settings["input"]["bids"], settings["preprocess"]
    (folder / name).write_text(yaml.safe_dump(settings, sort_keys=False))
    return ("-n", "-p", "--cores", "2", "--configfile", name)


def test_the_study_of_2019_is_planned_from_raw_scans(ds001506):
    done = snakemake(ds001506, "-n", "--cores", "2", "--configfile", "config/shen2019.yaml")
    jobs = planned(done)
    assert jobs["realign_run"] == 3 * 4 * 2
    assert jobs["import_stimuli"] == 4
    assert jobs["download"] == 3  # VGG19, the generators, the bounds of their latents
    assert jobs["network_weights"] == jobs["generator_weights"] == 1
    assert jobs["average_decoded"] == 19 * 3  # layers x sets
    assert jobs["blocks"] == jobs["samples"] == jobs["quality_page"] == jobs["coregister"] == 3
    assert "inplaneT2" in done.stdout
    assert "simulate_run" not in jobs


def test_fmriprep_is_run_in_a_container_once_a_subject(ds001506):
    image = "docker://nipreps/fmriprep:25.0.0"
    options = {"image": image, "license": "license.txt", "extra": "--fs-no-reconall"}
    study = with_input(ds001506, "own.yaml", kind="fmriprep", run_fmriprep=options)
    done = snakemake(ds001506, *study)
    jobs = planned(done)
    assert jobs["fmriprep"] == jobs["fmriprep_reference"] == 3
    assert jobs["read_fmriprep_run"] == 24
    assert "realign_run" not in jobs
    command = next(line for line in done.stdout.splitlines() if "apptainer run" in line)
    for part in (
        image, "--participant-label", "--fs-license-file", "--output-spaces T1w",
        "--fs-no-reconall", "--mem-mb '32000'", "--bind", "data/ds001506",
    ):  # fmt: skip
        assert part in command, part


def test_derivatives_that_are_not_there_are_named_before_any_job(ds001506):
    study = with_input(ds001506, "own.yaml", kind="fmriprep", fmriprep="derivatives")
    done = snakemake(ds001506, *study)
    assert done.returncode != 0
    assert re.search(r"derivatives: no such folder", done.stdout + done.stderr)
    assert "Traceback" not in done.stdout + done.stderr


def test_conda_environments_pin_what_requirements_pin():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    names = (line.split("==") for line in lines if "==" in line)
    pins = {name.lower().replace("_", "-"): version for name, version in names}
    for path in (ROOT / "envs").glob("*.yaml"):
        dependencies = yaml.safe_load(path.read_text())["dependencies"]
        flat = [d for d in dependencies if isinstance(d, str)] + dependencies[-1]["pip"]
        for dependency in flat:
            name, version = re.split("==?", dependency)
            if name not in ("python", "pip"):
                assert pins[name.lower().replace("_", "-")] == version, f"{path.name}: {name}"
