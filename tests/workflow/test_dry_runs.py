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
    assert jobs["reconstruct"] == 3 * 4 + 2 + 2 + 4
    assert jobs["page"] == jobs["study_page"] == jobs["samples"] == 1
    assert jobs["total"] < 160


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
    assert jobs["simulate_run"] == 5
    assert jobs["reconstruct"] == 3


def test_the_template_names_the_missing_folder(project):
    result = snakemake(project, "-n", "--configfile", "config/template.yaml")
    assert result.returncode != 0
    assert "<folder of the BIDS data set>: no such folder" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_slurm_profile_is_understood(project):
    """As far as it goes without a cluster: the plugin loads, resources are parsed."""
    result = snakemake(project, "-n", "--workflow-profile", "profiles/slurm")
    assert planned(result)["reconstruct"] == 20
    verbose = snakemake(project, "-n", "-p", "--workflow-profile", "profiles/slurm")
    block = re.search(r"rule reconstruct:.*?resources: ([^\n]*)", verbose.stdout, flags=re.S)
    assert "gpu=1" in block[1]
    assert "slurm_partition=gpu" in block[1]


def test_every_rule_has_an_environment_a_log_and_a_code_digest():
    rules = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^ *rule \w+:$", rules, flags=re.M)[1:]
    assert len(blocks) > 15
    for block in blocks:
        for directive in ("log:", "conda:", "code=code(", "script:"):
            assert block.count(directive) == 1, block
        script = re.search(r'"\.\./scripts/(\w+)\.py"', block)[1]
        assert f'code=code("{script}"' in block


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
