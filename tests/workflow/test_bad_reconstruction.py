"""Bad input ends the scripts from weights to images with one line and leaves nothing behind."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from deeprecon.features.store import read_features, write_features
from deeprecon.reconstruct.presets import relevant, settings_of
from deeprecon.reconstruct.store import read_stimulus_id
from tests.workflow import jobs
from tests.workflow.jobs import SCRIPTS, Job, check_line, logging_kept, outputs

SIZE, TRAIN, TEST = 32, [f"n{i:02d}" for i in range(24)], [f"t{i}" for i in range(4)]
NETWORK = {
    "name": "mine", "import": "tests.workflow.test_bad_reconstruction:network",
    "nodes": {"conv": "0", "fc": "3"}, "layers": ["conv", "fc"],
}  # fmt: skip
IMAGE = {"size": SIZE, "resampling": "area"}
CPU = {"device": "cpu", "precision": "float32", "batch_size": 50, "compile": False}
WEIGHTS, STATISTICS = "network_weights/weights.pt", "feature_statistics/statistics.h5"
FEATURES = [f"features/{layer}.h5" for layer in NETWORK["layers"]]
TARGETS = ["targets/conv.h5", "targets/fc.h5"]
GENERATOR = "train_generator/own.pt"


def network() -> torch.nn.Module:
    """The network that the settings import; its weights come from a file."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, 2, 1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(1024, 6),
    )  # fmt: skip


def method(preset: str, **changes: object) -> dict[str, object]:
    if changes.get("prior") != "command":
        changes = {"n_iterations": 3, **changes}
    settings = relevant(settings_of(preset, changes))
    return {"layers": NETWORK["layers"], "seed": 0, "settings": settings}


JOBS = {
    "network_weights": Job(
        {"weights": WEIGHTS}, {"weights": "own.pth"}, {"network": NETWORK}
    ),
    "features": Job(
        {"layers": FEATURES},
        {"table": "stimuli/train.tsv", "weights": WEIGHTS},
        {"network": NETWORK, "image": IMAGE},
    ),
    "feature_statistics": Job(
        outputs("feature_statistics", statistics="statistics.h5", table="statistics.tsv"),
        {"layers": FEATURES},
        {"network": "mine", "layers": NETWORK["layers"]},
    ),
    "train_generator": Job(
        outputs("train_generator", generator="own.pt", scores="own.tsv"),
        {"stimuli": "stimuli/train.tsv", "weights": WEIGHTS},
        {
            "network": NETWORK, "image": IMAGE, "seed": 0, "compute": CPU,
            "generator": {"kind": "trained", "layer": "conv", "n_steps": 3, "width": 4},
        },
    ),
    "average_decoded": Job(
        {"features": "average_decoded/conv.h5"}, {"features": ["targets/conv.h5"] * 2}
    ),
    "reconstruct": Job(
        {"images": "reconstruct/natural", "result": "reconstruct/natural.h5"},
        {
            "targets": TARGETS, "statistics": STATISTICS, "weights": WEIGHTS,
            "generator": GENERATOR, "accuracy": ["accuracy.tsv"],
        },
        {
            "network": NETWORK, "method": method("deeprecon"), "size": SIZE, "compute": CPU,
            "decoded": True, "may_be_empty": False,
        },
        {"roi": "VC", "method": "ours", "set": "natural"},
    ),
}  # fmt: skip


def write_inputs() -> None:
    """Weights, stimuli, decoded features, accuracies of cross-validation."""
    torch.manual_seed(0)
    torch.save(network().state_dict(), "own.pth")
    rng = np.random.default_rng(0)
    Path("stimuli").mkdir()
    rows = "".join(f"{name}\t{name}.png\n" for name in TRAIN)
    Path("stimuli/train.tsv").write_text(f"stimulus_id\tfile\n{rows}")
    for name in TRAIN:
        coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((SIZE, SIZE)).save(f"stimuli/{name}.png")
    shapes = {"conv": (4, 16, 16), "fc": (6,)}
    for layer, shape in shapes.items():
        values = rng.normal(0, 1, (len(TEST), *shape)).astype(np.float32)
        write_features(f"targets/{layer}.h5", values, TEST, {})
    rows = [{"layer": layer, "profile_correlation": 0.4, "chosen": True} for layer in shapes]
    pd.DataFrame(rows).to_csv("accuracy.tsv", sep="\t", index=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is reconstructed."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch, logging_kept():
        patch.chdir(folder)
        patch.syspath_prepend(SCRIPTS)
        write_inputs()
        for script, job in JOBS.items():
            if script == "reconstruct":
                Path("reconstruct/natural").mkdir(parents=True)
            jobs.execute(job, script, {}, {})
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the study, as current folder."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SCRIPTS)
    with logging_kept():
        yield tmp_path


def test_the_good_study(study):
    """Without spoilt input all jobs succeed, so that the failures below have the named causes."""
    with h5py.File("reconstruct/natural.h5") as file:
        assert file["image"].shape == (4, SIZE, SIZE, 3)
        assert "'prior': 'fourier'" in file.attrs["settings"]
        assert file.attrs["seed"] == 0
        assert list(file["layer"].asstr()) == ["conv", "fc"]
    assert sorted(path.name for path in Path("reconstruct/natural").iterdir()) == [
        f"{name}.png" for name in TEST
    ]
    assert not Path("reconstruct/natural.checkpoint").exists()
    assert Path("feature_statistics/statistics.tsv").read_text().startswith("layer\tscale")


@pytest.mark.parametrize(
    "chosen",
    [
        method("2019-pixel"), method("icnn-gd"), method("2019-dgn"), method("2024"),
        method("deeprecon", prior="deep_image", optimiser="adamw", learning_rate=[0.01, 0.01]),
    ],
    ids=["2019-pixel", "icnn-gd", "2019-dgn", "2024", "deep_image"],
)  # fmt: skip
def test_every_preset_runs_as_a_job(study, chosen):
    before = Path("reconstruct/natural/t0.png").read_bytes()
    jobs.execute(JOBS["reconstruct"], "reconstruct", {}, {"method": chosen})
    assert Path("reconstruct/natural/t0.png").read_bytes() != before
    with h5py.File("reconstruct/natural.h5") as file:
        assert np.isfinite(file["loss"][:]).all()


Spoil = Callable[[], None]


def cut(path: str) -> Spoil:
    return lambda: Path(path).write_bytes(Path(path).read_bytes()[: Path(path).stat().st_size // 2])


def weights(change: Callable[[dict], object]) -> Spoil:
    """Another file of weights."""

    def spoil() -> None:
        state = torch.load("own.pth", weights_only=True)
        change(state)
        torch.save(state, "own.pth")

    return spoil


def target(layer: str, change: Callable[[np.ndarray], np.ndarray], names: list[str]) -> Spoil:
    """Other decoded features."""

    def spoil() -> None:
        path = f"targets/{layer}.h5"
        write_features(path, change(read_features(path)[0]), names, {})

    return spoil


def spoilt(values: np.ndarray, index: tuple, value: float) -> np.ndarray:
    values[index] = value
    return values


CASES = [
    ("weights of another network", "network_weights", weights(lambda s: s.pop("3.bias")),
     r"own.pth: no weights '3.bias', expected shape \(6,\)"),
    ("weights of another shape", "network_weights",
     weights(lambda s: s.update({"3.bias": torch.zeros(7)})),
     r"own.pth: weights '3.bias' of shape \(7,\), expected \(6,\)"),
    ("weights cut off", "network_weights", cut("own.pth"),
     r"own.pth: not a readable torch file of weights .*"),
    ("weights of the study cut off", "features", cut(WEIGHTS),
     rf"{WEIGHTS}: not a readable torch file of weights .*"),
    ("no stimuli", "features",
     lambda: Path("stimuli/train.tsv").write_text("stimulus_id\tfile\n"), r"stimuli/train.tsv: .*"),
    ("a stimulus that is gone", "features", lambda: Path("stimuli/n03.png").unlink(),
     r".*n03.png.*"),
    ("few images to train on", "train_generator",
     lambda: Path("stimuli/train.tsv").write_text("stimulus_id\tfile\nn01\tn01.png\n"),
     "images: found 1, expected at least 20 to train on"),
    ("targets cut off", "reconstruct", cut(TARGETS[0]), rf"{TARGETS[0]}: .*"),
    ("NaN in a target", "reconstruct",
     target("conv", lambda v: spoilt(v, (1, 0, 0, 0), np.nan), TEST),
     "layer conv: decoded features of image 2 are not finite"),
    ("a target without variance", "reconstruct",
     target("fc", lambda v: spoilt(v, (3,), 0.0), TEST),
     "layer fc: decoded features of image 4 do not vary"),
    ("targets of another network", "reconstruct", target("conv", lambda v: v[:, :, :8], TEST),
     r"layer conv: targets have unit shape \(4, 8, 16\), its statistics \(4, 16, 16\)"),
    ("targets of other stimuli", "reconstruct", target("fc", lambda v: v, ["t0", "t1", "t2", "x"]),
     r"targets/fc.h5: .*'t3'.*"),
    ("a layer without statistics", "reconstruct",
     lambda: h5py.File(STATISTICS, "a").__delitem__("fc"),
     "layer fc: no statistics, found conv"),
    ("accuracies of another decoder", "reconstruct",
     lambda: Path("accuracy.tsv").write_text("layer\tprofile_correlation\tchosen\n"),
     "accuracy.tsv: 0 chosen rows of layer 'conv', expected 1"),
    ("generator cut off", "reconstruct", cut(GENERATOR),
     rf"{GENERATOR}: not a readable torch file of weights .*"),
    ("averaged features of other units", "average_decoded",
     lambda: None, r"targets/fc.h5: units have shape \(6,\), targets/conv.h5: \(4, 16, 16\)"),
]  # fmt: skip
CHANGES = {
    "a target without variance": {"params": {"method": method("2019-pixel")}},
    "generator cut off": {"params": {"method": method("2019-dgn")}},
    "averaged features of other units": {"input": {"features": TARGETS}},
}


@pytest.mark.parametrize(
    ("name", "script", "spoil", "expected"), [pytest.param(*case, id=case[0]) for case in CASES]
)
def test_bad_input(study, capsys, name, script, spoil, expected):
    spoil()
    lines = jobs.lines_of_failure(JOBS[script], script, capsys, **CHANGES.get(name, {}))
    check_line(lines, script, expected)
    assert not [path for path in Path(script).rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"compute": CPU | {"device": "cuda"}}, "compute.device: found cuda, but this machine .*"),
        ({"method": method("2019-dgn"), "size": 48}, "image size 48: expected 25 to 32, .*"),
        (
            {"network": NETWORK | {"nodes": {"conv": "0"}}},
            r"unknown layer 'fc'; the network has \['conv'\]",
        ),
        (
            {"method": method("deeprecon", prior="command", command="false {images}")},
            "command 'false' ended with exit code 1: it printed nothing",
        ),
    ],
    ids=["no GPU", "size of a generator", "layer of no node", "a program that fails"],
)
def test_bad_settings(study, capsys, params, expected):
    if torch.cuda.is_available() and "compute" in params:
        params["compute"]["device"] = "mps"
        expected = expected.replace("cuda", "mps")
    lines = jobs.lines_of_failure(JOBS["reconstruct"], "reconstruct", capsys, params=params)
    check_line(lines[-1:], "reconstruct", expected)
    assert not [path for path in Path("reconstruct").rglob("*") if path.is_file()]


def test_a_full_disk(study, capsys, monkeypatch):
    """The images do not fit on the disk: one line, and no result that looks complete."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    lines = jobs.lines_of_failure(JOBS["reconstruct"], "reconstruct", capsys)
    assert lines[-1] == "reconstruct: reconstruct/natural/t0.png: No space left on device"
    assert not list(Path().rglob("natural.h5"))
    assert not list(Path("reconstruct").rglob("*.png"))


def pixels() -> np.ndarray:
    with h5py.File("reconstruct/natural.h5") as file:
        return file["image"][:]


def test_a_half_is_reconstructed_as_the_whole_is(study):
    """The features of halves are scaled as decoded features; true features are not."""
    found, params = {}, {"method": method("2019-pixel")}
    for kind in ({}, {"may_be_empty": True}, {"decoded": False}):
        jobs.execute(JOBS["reconstruct"], "reconstruct", {}, params | kind)
        found["".join(kind)] = pixels()
    np.testing.assert_array_equal(found["may_be_empty"], found[""])
    assert (found["decoded"] != found[""]).any()


def test_half_of_images_that_were_shown_once_is_empty(study):
    for path in TARGETS:
        values = read_features(path)[0]
        write_features(path, values[:0], [], {})
    jobs.execute(JOBS["reconstruct"], "reconstruct", {}, {"may_be_empty": True})
    assert pixels().shape == (0, SIZE, SIZE, 3)
    assert read_stimulus_id("reconstruct/natural.h5") == []


def test_a_set_without_images_is_an_error_elsewhere(study, capsys):
    for path in TARGETS:
        write_features(path, read_features(path)[0][:0], [], {})
    lines = jobs.lines_of_failure(JOBS["reconstruct"], "reconstruct", capsys)
    check_line(lines, "reconstruct", "the set has no images")
