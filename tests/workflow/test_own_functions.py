"""A finished study gets functions of one's own: what is new runs, and nothing else."""

import re
import shutil

import pandas as pd
import pytest
import yaml

from tests.conftest import snakemake
from tests.test_extending import PAGE, blocks, file_of, merged

pytestmark = pytest.mark.smoke

METRIC, CHECK = "my_metrics:edge_correlation", "my_checks:brightness"
OWN = {
    "decoders": {
        "components": {"model": "my_decoders:ComponentRidge", "options": {"n_components": 30}}
    },
    "methods": {
        "mine": {
            "loss": "my_losses:cosine", "prior": "my_priors:coarse", "n_iterations": 12,
            "decoder": "components", "layers": ["stem", "b2"], "rois": ["VC"], "sets": ["shapes"],
        }
    },
    "evaluate": {"metrics": [METRIC], "checks": [CHECK]},
}  # fmt: skip
STUDY = ("--cores", "2", "--configfile", "own.yaml")


@pytest.fixture(scope="module")
def own_study(smoke_study, tmp_path_factory):
    """A copy of the finished smoke study with the files of docs/extending.md and new settings."""
    folder = tmp_path_factory.mktemp("own") / "study"
    shutil.copytree(smoke_study, folder, symlinks=True)
    for code in blocks(PAGE, "python"):
        (folder / file_of(code)).write_text(code)
    settings = merged(yaml.safe_load((folder / "config/smoke.yaml").read_text()), OWN)
    (folder / "own.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return folder


def planned(folder):
    """Rule -> wildcards of each of its jobs, from a dry run."""
    result = snakemake(folder, "-n", *STUDY)
    text = result.stdout + result.stderr
    assert result.returncode == 0, text
    jobs = {}
    for rule, job in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", text, flags=re.M):
        pairs = re.search(r"^    wildcards: (.*)$", job, flags=re.M)
        found = dict(pair.split("=", 1) for pair in pairs[1].split(", ")) if pairs else {}
        jobs.setdefault(rule, []).append(found)
    return jobs


def values(jobs, rules, wildcard):
    """Values of a wildcard in the jobs of some rules."""
    return {job.get(wildcard) for rule in rules for job in jobs.get(rule, [])}


def test_own_functions_run_and_an_edit_runs_their_method_again(own_study):
    jobs = planned(own_study)
    assert values(jobs, ["decode", "cross_validate", "check_retrained"], "decoder") == {
        "components"
    }
    reconstruction = ["reconstruct", "reconstruct_true", "baselines"]
    assert values(jobs, reconstruction, "method") == {"mine"}
    assert len(jobs["evaluate"]) == 7  # the metric is new for all methods
    assert not {"features", "samples", "region_voxels", "train_generator"} & set(jobs)

    done = snakemake(own_study, *STUDY)
    assert done.returncode == 0, done.stdout + done.stderr
    results = own_study / "results/smoke"
    scores = pd.read_csv(results / "evaluation/scores.tsv", sep="\t")
    scores = scores[(scores["metric"] == METRIC) & (scores["condition"] == "reconstruction")]
    assert {"mine", "both", "permuted_labels"} < set(scores["method"])
    assert scores["value"].between(-1, 1).all()
    assert METRIC in pd.read_csv(results / "evaluation/summary.tsv", sep="\t")
    assert METRIC.replace("_", " ") in (results / "report/index.html").read_text().lower()
    checks = pd.read_csv(results / "validity/checks.tsv", sep="\t")
    checks = checks[checks["id"] == CHECK]
    assert "sub-01, VC, mine, shapes" in set(checks["about"])
    assert set(checks["title"]) == {"Reconstructions are not too dark"}
    assert planned(own_study) == {}

    loss = own_study / "my_losses.py"
    loss.write_text(loss.read_text().replace("return 1 -", "return 2 -"))
    jobs = planned(own_study)
    assert {"reconstruct", "reconstruct_true", "evaluate", "scores", "page"} < set(jobs)
    assert values(jobs, jobs, "method") == {"mine", None}
    assert "decode" not in jobs
