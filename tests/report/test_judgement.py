"""The page of human judgement, of simulated raters, and where nobody has judged."""

import re

import numpy as np
import pandas as pd
import pytest

from deeprecon.judge.analysis.accuracy import accuracy_table, image_table
from deeprecon.judge.analysis.preferences import comparison_table, preference_table
from deeprecon.judge.analysis.reliability import agreement_table
from deeprecon.judge.analysis.tracking import metric_table, observer_table
from deeprecon.judge.power import power_table
from deeprecon.judge.trials import build_trials
from deeprecon.report.judgement import build_judgement_page
from deeprecon.report.judgement_plot import ranking
from tests.judge.answers import answers_of
from tests.judge.tables import asked, coloured, table

ROIS = ["roi_vc"]
DESIGN = {
    "n_lists": 4, "n_trials": 160, "n_questions": 100, "n_catch": 12, "n_repeat": 8,
    "trials_sha256": "ab" * 32,
}  # fmt: skip
RATERS = pd.DataFrame(
    {
        "rater": ["r001", "<b>r002</b>"], "file": ["a.json", "b.json"], "kept": [True, False],
        "reasons": ["", "fast_answers"],
    }
)  # fmt: skip
FINDINGS = pd.DataFrame(
    {
        "check": ["bad_json"], "severity": ["error"], "file": ["<script>.json"], "rater": ["n/a"],
        "value": ["n/a"], "limit": ["n/a"], "message": ["is not JSON <script>alert(1)</script>"],
    }
)  # fmt: skip
RED, BLUE = np.full((2, 8, 8, 3), 0, np.uint8)
RED[..., 0] = BLUE[..., 2] = 255


def tables(people):
    """All tables of a study with two model observers, and of raters or none."""
    images = coloured(table({"n": 8}, methods=("x", "y")), "n")
    tasks = [
        asked("identification", ["x"], ROIS, trials=20),
        asked("preference", ["x", "y"], ROIS, trials=12),
        asked("colour_shape", ["x"], ROIS, trials=12),
    ]
    key = build_trials(images, tasks, n_raters=4, seed=0)
    raters = answers_of(key, lambda trial: trial.order % 4 > 0)
    raters = raters if people else raters.iloc[:0]
    rng = np.random.default_rng(0)
    judges = {"raters": raters} if people else {}
    for name in ("observer-pixel", "observer-conv1"):
        judges[name] = answers_of(key, lambda trial: rng.random() < 0.8, [1]).assign(rater=name)
    scores = images.assign(metric="ssim", direction="own", value=rng.random(len(images)))

    def each(analyse, **options):
        return pd.concat(
            [analyse(part, **options).assign(judges=name) for name, part in judges.items()]
        )

    few = {"n_bootstrap": 50}
    own = power_table([4], [20], n_images=8, n_conditions=1, n_studies=2).assign(this_study=True)
    power = power_table([4, 8], [50], n_images=8, n_conditions=1, n_studies=2)
    everyone = pd.concat([part for name, part in judges.items() if name != "raters"])
    return {
        "power": pd.concat([own, power.assign(this_study=False)]).assign(task="identification"),
        "raters": RATERS if people else RATERS.iloc[:0],
        "findings": FINDINGS if people else FINDINGS.iloc[:0],
        "accuracy": each(accuracy_table, n_permutations=99, **few),
        "preferences": each(preference_table, **few),
        "comparisons": each(comparison_table, n_permutations=99, **few),
        "agreement": agreement_table(raters, **few),
        "images": pd.concat(
            [
                image_table(part).assign(judges=name)
                for name, part in (("raters", raters), ("model observers", everyone))
                if len(part)
            ]
        ),
        "metrics": metric_table(raters, scores, n_permutations=99, **few),
        "observers": observer_table(raters, everyone, **few),
    }


def page_of(people, simulated=True):
    shown = {f"stim-n-{i}": (RED, BLUE) for i in range(8)}
    return build_judgement_page(
        study="demo", simulated=simulated, design=DESIGN, folder="my/ratings", layers=["conv1"],
        tables=tables(people), pictures={("sub-one", "roi_vc", "x", "n"): shown},
    )  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    return page_of(people=True)


@pytest.fixture(scope="module")
def unjudged():
    return page_of(people=False)


def test_raters_are_shown_with_those_left_out(judged):
    assert "2 raters, of whom 1 is kept" in judged
    assert "No person has judged" not in judged
    assert "shares of raters who chose the original" in judged
    for heading in ("Do raters agree?", "Which metric agrees with people?", "noise_ceiling"):
        assert heading in judged


def test_without_raters_everything_is_said_to_be_of_model_observers(unjudged):
    assert "No person has judged these pictures yet" in unjudged
    assert "<code>my/ratings</code>" in unjudged
    assert "shares of model observers who chose" in unjudged
    assert "No ratings." in unjudged
    assert "<strong>Raters</strong>" not in unjudged


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_brain_data_are_called_so(simulated):
    assert ("Simulated brain data" in page_of(False, simulated)) == simulated


def test_names_from_files_stay_text(judged):
    assert "<script>" not in judged
    assert "&lt;script&gt;.json" in judged
    assert "<b>r002" not in judged


def test_the_page_needs_nothing_else(judged):
    words = re.sub(r"data:[^\"]*", "data:", judged)
    assert "http" not in words
    links = set(re.findall(r'href="([^"]*)"', words))
    assert {link for link in links if not link.startswith("#")} <= {
        "index.html", "../judge/index.html",
    }  # fmt: skip
    assert set(re.findall(r'src="([^"]*)"', words)) == {"data:"}


def test_the_ranking_shows_every_image_best_first():
    images = pd.DataFrame(
        {"target": [f"s{i}" for i in range(20)], "accuracy": np.linspace(1, 0, 20)}
    )
    shown = {f"s{i}": (RED, BLUE) for i in range(20)}
    pixels = np.asarray(ranking(images, shown, "title", tile=16)).reshape(-1, 3)
    for colour in ((255, 0, 0), (0, 0, 255)):
        assert (pixels == colour).all(axis=1).sum() == 20 * 16 * 16
