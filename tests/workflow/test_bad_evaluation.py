"""Bad input ends the scripts of evaluation with one line; odd but possible sets have their rows."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from deeprecon.data.stimuli import write_stimuli
from deeprecon.features.sampled import SampledUnits, write_sampled
from deeprecon.features.store import write_features
from deeprecon.features.units import Units
from tests.workflow import jobs
from tests.workflow.jobs import SCRIPTS, Job, check_line, logging_kept, outputs
from tests.workflow.test_bad_reconstruction import NETWORK, SIZE, network

LAYERS = {"conv": (4, 16, 16), "fc": (6,)}
TEST, IMAGE = ["1", "2", "3", "4", "5"], {"size": SIZE, "resampling": "area"}
PLACE = {"roi": "VC", "method": "all", "set": "shapes"}
WEIGHTS, RECON = "weights.pt", "recon/shapes.h5"
HALVES = ("halves/1/shapes.h5", "halves/2/shapes.h5")
STATISTICS = {"n_permutations": 99, "n_bootstrap": 100, "seed": 0}
STIMULI = {"table": "stimuli/shapes.tsv", "training": "stimuli/train.tsv"}

JOBS = {
    "baselines": Job(
        outputs("baselines", images="shapes.h5"),
        STIMULI | {
            "recon": RECON, "mean_features": [], "sampled": "sampled.h5",
            "targets": ["targets/conv.h5", "targets/fc.h5"],
        },
        {"layers": [*LAYERS], "image": IMAGE, "seed": 0},
        PLACE,
    ),
    "evaluate": Job(
        outputs("evaluate", scores="all.tsv", images="images.tsv"),
        {
            "recon": [RECON], "baselines": ["baselines/shapes.h5"], "control": [RECON],
            "true_features": [RECON], "half_1": [HALVES[0]], "half_2": [HALVES[1]],
            "tables": ["stimuli/shapes.tsv"], "training": "stimuli/train.tsv",
            "sampled": "sampled.h5", "weights": WEIGHTS, "encoding": [], "region": [],
            "perceptual": [],
        },
        STATISTICS | {
            "sets": ["shapes"], "control": ["shapes"], "true_features": ["shapes"],
            "halves": ["shapes"], "metrics": [], "network": NETWORK, "image": IMAGE, "weights": ".",
            "perceptual": ["alexnet_2"],
        },
        {"roi": "VC", "method": "all"},
    ),
    "check_images": Job(
        outputs("check_images", checks="shapes.tsv"),
        STIMULI | {
            "recon": RECON, "folder": "recon/shapes", "baselines": "baselines/shapes.h5",
            "true_features": RECON,
        },
        {"image": IMAGE, "checks": [], "seed": 0},
        PLACE,
    ),
    "scores": Job(
        outputs("scores", scores="scores.tsv", images="images.tsv", summary="summary.tsv",
                comparisons="comparisons.tsv", subjects="subjects.tsv", vividness="vividness.tsv"),
        {"scores": ["evaluate/all.tsv"], "images": ["evaluate/images.tsv"], "blocks": []},
        STATISTICS | {"control": None, "subjects": []},
    ),
    "checks": Job(
        outputs("checks", checks="checks.tsv", figure="checks.png", values="values.png"),
        {"checks": ["check_images/shapes.tsv"], "scores": "scores/scores.tsv",
         "images": "scores/images.tsv"},
        {"control": None, "retrained": False, "simulated": True},
    ),
}  # fmt: skip


def pictures(n: int, seed: int) -> np.ndarray:
    """Smooth pictures (n, 32, 32, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((SIZE, SIZE))) for one in coarse])


def write_recon(images: np.ndarray, names: list[str], path: str = RECON) -> None:
    """A file of reconstructions, and its pictures."""
    folder = Path(path).with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(folder / f"{name}.png")
    with h5py.File(path, "w") as file:
        file["image"], file["loss"] = images, np.ones((3, len(images)))
        file["layer_loss"], file["layer"] = np.ones((1, len(images))), ["conv"]
        file["stimulus_id"] = names
        file["snapshots"], file["snapshot_evaluation"] = images[None, :2], [0]
        file["snapshot_rows"] = np.arange(min(2, len(images)))


def write_set(names: list[str], true: np.ndarray, recon: np.ndarray) -> None:
    """A test set, its decoded features and its reconstructions."""
    colours = ("red_square", "red_+", "blue_square", "blue_+", "green_X")
    write_stimuli("stimuli", "shapes", dict(zip(names, zip(true, colours, strict=False),
                                                strict=True)))  # fmt: skip
    rng = np.random.default_rng(3)
    for layer, shape in LAYERS.items():
        values = rng.standard_normal((len(names), *shape)).astype(np.float32)
        write_features(f"targets/{layer}.h5", values, names, {})
    write_recon(recon, names)


def write_study() -> None:
    """Weights, stimuli, features of the training images, and a set."""
    torch.manual_seed(0)
    torch.save(network().state_dict(), WEIGHTS)
    training = [f"k{i}" for i in range(60)]
    shown = pictures(60, 0)
    write_stimuli(
        "stimuli", "train", {name: (x, "") for name, x in zip(training, shown, strict=True)}
    )
    rng = np.random.default_rng(1)
    units = {"conv": Units(LAYERS["conv"], np.arange(0, 1024, 64)), "fc": Units.every((6,))}
    features = {
        layer: rng.standard_normal((60, len(chosen.index))).astype(np.float32)
        for layer, chosen in units.items()
    }
    write_sampled("sampled.h5", SampledUnits(training, features, units), {})
    true = pictures(5, 2)
    write_set(TEST, true, (0.6 * true + 0.4 * pictures(5, 3)).astype(np.uint8))
    for path, seed in zip(HALVES, (10, 11), strict=True):
        write_recon((0.6 * true + 0.4 * pictures(5, seed)).astype(np.uint8), TEST, path)


def run(*scripts: str, **changes) -> None:
    for script in scripts or JOBS:
        jobs.execute(JOBS[script], script, **{"input": {}, "params": {}} | changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is evaluated."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch, logging_kept():
        patch.chdir(folder)
        patch.syspath_prepend(SCRIPTS)
        write_study()
        run()
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the study, as current folder."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SCRIPTS)
    with logging_kept():
        yield tmp_path


def table(path: str) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", keep_default_na=True)


def test_the_good_study(study):
    """So that the failures below are those of their mistakes."""
    scores = table("scores/scores.tsv")
    own = scores[scores["condition"] == "reconstruction"].set_index(["metric", "direction"])
    assert own.loc[("pixel_identification", "recon"), "value"] == 1
    missing = scores[scores["metric"] == "alexnet_2"]["note"].tolist()
    assert missing == ["not computed: weights missing: alexnet-owt-7be5be79.pth"]
    assert set(scores["condition"]) == {
        "reconstruction", "control", "true_features", "shuffled_features", "prior_only",
        "nearest_training", "mean_training", "split_half",
    }  # fmt: skip
    checks = table("checks/checks.tsv").set_index("id")
    assert checks.loc["V25", "status"] == "PASS"
    assert checks.loc["V12", "status"] == "PASS"
    assert checks.loc["V18", "about"].endswith("shapes")
    assert checks.loc["V13", "status"].tolist() == ["PASS", "PASS"]
    assert Path("checks/checks.png").stat().st_size > 10_000


def test_one_image_has_its_scores_and_no_identification(study):
    for folder in ("baselines", "evaluate", "check_images", "scores", "checks"):
        shutil.rmtree(folder)
    write_set(["1"], pictures(1, 5), pictures(1, 6))
    run()
    scores = table("scores/scores.tsv")
    assert set(scores["direction"].dropna()) == {"own"}
    assert scores["ci_low"].isna().all()
    checks = table("checks/checks.tsv").set_index("id")
    for check in ("V12", "V15", "V23", "V24"):
        assert checks.loc[check, "status"] == "NOT RUN", check
    assert checks.loc["V13", "status"].tolist()[0] == "NOT RUN"
    assert checks.loc["V25", "status"] == "PASS"


def test_equal_reconstructions_identify_nothing_and_are_found_out(study):
    write_set(TEST, pictures(5, 2), np.repeat(pictures(1, 9), 5, axis=0))
    run()
    scores = table("scores/scores.tsv")
    own = scores[scores["condition"] == "reconstruction"].set_index(["metric", "direction"])
    assert own.loc[("pixel_identification", "true"), "value"] == 0  # all ties
    checks = table("checks/checks.tsv").set_index("id")
    assert checks.loc["V13", "status"].tolist() == ["FAIL", "FAIL"]
    assert checks.loc["V12", "status"] == "FAIL"


def test_blank_reconstructions_are_counted(study):
    write_set(TEST, pictures(5, 2), np.full((5, SIZE, SIZE, 3), 128, np.uint8))
    run()
    scores = table("scores/scores.tsv")
    own = scores[scores["condition"] == "reconstruction"].set_index(["metric", "direction"])
    row = own.loc[("pixel_correlation", "own")]
    assert (row["n"], np.isnan(row["value"])) == (0, True)
    note = own.loc[("pixel_identification", "recon"), "note"]
    assert note == "25 undefined similarities count as missed"


def halves_in_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of the reconstructions, and of the images."""
    run("evaluate")
    scores, images = table("evaluate/all.tsv"), table("evaluate/images.tsv")
    own = scores[scores["condition"] == "reconstruction"]
    return own.set_index(["metric", "direction"]), images[images["metric"] == "pixel_correlation"]


MINE = """
import numpy as np
from deeprecon.validity.result import graded

def red_correlation(true, recon):
    pairs = zip(true[..., 0], recon[..., 0])
    return np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])

def too_dark(recon, about):
    '''Reconstructions that are nearly black.'''
    dark = recon.mean() < 10
    return graded(recon.mean(), fail=dark, threshold="at least 10", sentence="x", about=about)
"""


def test_own_metrics_and_checks_are_in_all_tables(study, monkeypatch):
    Path("mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(study)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    before = table("scores/scores.tsv")
    run("evaluate", params={"metrics": ["mine:red_correlation"]})
    run("check_images", params={"checks": ["mine:too_dark"]})
    run("scores", "checks")
    scores = table("scores/scores.tsv")
    own = scores[scores["metric"] == "mine:red_correlation"]
    assert set(own["condition"]) == set(scores["condition"])
    assert own["value"].notna().all()
    others = scores[scores["metric"] != "mine:red_correlation"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before)
    assert "mine:red_correlation" in table("scores/summary.tsv")
    assert "mine:red_correlation" in set(table("scores/images.tsv")["metric"])
    checks = table("checks/checks.tsv").set_index("id")
    assert checks.loc["mine:too_dark", "status"] == "PASS"
    assert checks.loc["mine:too_dark", "title"] == "Reconstructions that are nearly black"


def test_halves_stand_beside_each_score_that_needs_no_original(study):
    own, images = halves_in_tables()
    r = own.loc[("pixel_correlation", "own"), "split_half"]
    assert own.loc[("pixel_correlation", "own"), "noise_ceiling"] == pytest.approx(
        np.sqrt(2 * r / (1 + r)), abs=1e-5
    )
    assert images["split_half"].mean() == pytest.approx(r, abs=1e-5)
    halved = own[own["split_half"].notna()].index.get_level_values("metric")
    assert set(halved) >= {"ssim", "pixel_identification", "identification_conv"}
    assert not {"ssim_425", "ssim_columns", "pixel_top1", "alexnet_2"} & set(halved)
    assert own["noise_ceiling"].notna().sum() == 1
    assert own.loc[("pixel_identification", "recon"), "split_half"] == 1


def test_images_without_halves_are_left_out_of_them(study):
    for path in HALVES:
        write_recon(pictures(4, 10)[::-1], TEST[4:0:-1], path)
    own, images = halves_in_tables()
    assert own.loc[("pixel_correlation", "own"), "split_half"] == 1
    assert images.set_index("stimulus_id")["split_half"].isna().tolist() == [True] + [False] * 4


def test_a_set_whose_images_were_shown_once_says_so(study):
    for path in HALVES:
        with h5py.File(path, "w") as file:
            file["image"] = np.zeros((0, SIZE, SIZE, 3), np.uint8)
            file.create_dataset("stimulus_id", data=[], dtype=h5py.string_dtype())
    own, _ = halves_in_tables()
    assert own["split_half"].isna().all()
    assert own.loc["split_half", "note"].item() == (
        "not computed: no image of the set shapes was shown twice"
    )
    run("scores", "checks")


def test_pictures_that_are_not_those_scored_fail(study):
    Image.fromarray(pictures(1, 9)[0]).save("recon/shapes/3.png")
    run("check_images")
    checks = table("check_images/shapes.tsv").set_index("id")
    assert (checks.loc["V25", "status"], checks.loc["V25", "value"]) == ("FAIL", 1)


def wrong_weights() -> None:
    torch.save({"features.0.weight": torch.zeros(2)}, "alexnet-owt-7be5be79.pth")


def cut(path: str):
    return lambda: Path(path).write_bytes(Path(path).read_bytes()[: Path(path).stat().st_size // 2])


CASES = [
    ("reconstructions of another size", "evaluate",
     lambda: write_recon(pictures(5, 3)[:, :16, :16], TEST),
     r"shapes, reconstruction: true images have shape \(5, 32, 32, 3\) but reconstructed "
     r"images \(5, 16, 16, 3\)"),
    ("reconstructions of other stimuli", "evaluate",
     lambda: write_recon(pictures(5, 3), ["1", "2", "3", "4", "6"]),
     rf"{RECON}: no reconstruction of stimulus '5'"),
    ("reconstructions cut off", "evaluate", cut(RECON), rf"{RECON}: .*"),
    ("baselines of other stimuli", "check_images",
     lambda: write_recon(pictures(4, 3), TEST[:4]), rf"{RECON}: no reconstruction of stimulus '5'"),
    ("baselines cut off", "check_images", cut("baselines/shapes.h5"), r"baselines/shapes.h5: .*"),
    ("no stimuli", "evaluate",
     lambda: Path("stimuli/shapes.tsv").write_text("stimulus_id\tfile\n"),
     r"stimuli/shapes.tsv: no stimuli"),
    ("weights of another network under the right name", "evaluate", wrong_weights,
     r"alexnet-owt-7be5be79.pth: SHA-256 starts with \w{8}, expected 7be5be79"),
    ("decoded features of other stimuli", "baselines",
     lambda: write_features("targets/fc.h5", np.ones((4, 6), np.float32), TEST[:4], {}),
     r"targets/fc.h5: .*'5'.*"),
    ("a picture is missing", "check_images",
     lambda: Path("recon/shapes/2.png").unlink(), r".*2\.png.*"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "spoil", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_one_line(study, capsys, script, spoil, expected):
    spoil()
    lines = jobs.lines_of_failure(JOBS[script], script, capsys)
    check_line(lines, script, expected)
    assert not [path for path in Path(script).rglob("*") if path.is_file()]
