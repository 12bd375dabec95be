"""Bad input ends the scripts of decoding with one line that names it, and without output."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deeprecon.data.bdata import BData, read_bdata, write_bdata
from deeprecon.decode.mat import write_mat
from deeprecon.features.sampled import (
    SampledUnits,
    read_sampled,
    sample_features,
    write_sampled,
)
from deeprecon.features.statistics import LayerStatistics, write_statistics
from deeprecon.features.store import read_features, write_features
from tests.workflow import jobs
from tests.workflow.jobs import SCRIPTS, Job, check_line, logging_kept, outputs

N_VOXELS, N_REPEATS = 30, 3
TRAIN = [f"n{i:02d}" for i in range(24)]
TEST = [f"t{i}" for i in range(6)]
LAYERS = {"conv": (4, 3, 3), "fc": (10,)}
SAMPLES, STIMULI, STATISTICS = "samples.h5", "stimuli/train.tsv", "features/statistics.h5"
REGION, SETTINGS = "region_voxels/voxels.h5", "cross_validate/cross_validation.tsv"
DECODED = {"subject": "sub-01", "roi": "V", "decoder": "topk", "layer": "conv"}
MODEL = {
    "model": "topk", "n_voxels": 8, "alpha": [10, 100], "repetitions": "all", "n_units": None,
    "save_weights": True, "permute_labels": False,
}  # fmt: skip

JOBS = {
    "region_voxels": Job(
        outputs("region_voxels", region="voxels.h5", reliability="reliability.tsv"),
        {"samples": SAMPLES},
        {"sets": ["natural"], "models": [{"model": "topk", "n_voxels": 8}]},
        DECODED,
    ),
    "cross_validate": Job(
        outputs("cross_validate", table="cross_validation.tsv"),
        {"samples": SAMPLES, "sampled": "features/train/sampled.h5", "stimuli": STIMULI},
        {"model": MODEL, "layers": list(LAYERS), "n_folds": 3, "hold_out": "category", "seed": 0},
        DECODED,
    ),
    "decode": Job(
        {"features": ["decode/natural/conv.h5"], "weights": "decode/weights/conv.h5"},
        {"region": REGION, "train": "features/train/conv.h5", "settings": SETTINGS},
        {"sets": ["natural"], "model": MODEL, "halves": False, "seed": 0},
        DECODED,
    ),
    "repetitions": Job(
        outputs("repetitions", table="repetitions.tsv"),
        {
            "region": REGION,
            "train": "features/train/sampled.h5",
            "tests": ["features/natural/sampled.h5"],
            "settings": SETTINGS,
        },
        {"sets": ["natural"], "model": MODEL, "layers": list(LAYERS), "seed": 0},
        DECODED,
    ),
    "decoding_scores": Job(
        outputs("decoding_scores", scores="scores.tsv", stimuli="s.tsv", units="units.h5"),
        {
            "decoded": ["decode/natural/conv.h5"],
            "true": ["features/natural/conv.h5"],
            "statistics": STATISTICS,
        },
        {"files": [["natural", "conv"]], "permuted": False},
        DECODED,
    ),
    "import_decoded": Job(
        {"features": ["import_decoded/natural/conv.h5"]},
        {"folders": ["lab"], "tables": ["stimuli/natural.tsv"]},
        {"sets": ["natural"], "model": {"names": {"sub-01": "S1"}}},
        DECODED,
    ),
    "decoding_tables": Job(
        outputs(
            "decoding_tables",
            scores="s.tsv",
            repetitions="r.tsv",
            validation="v.tsv",
            reliability="l.tsv",
        ),
        {
            "scores": ["decoding_scores/scores.tsv"],
            "repetitions": ["repetitions/repetitions.tsv"],
            "validation": [SETTINGS],
            "reliability": ["region_voxels/reliability.tsv"],
        },
    ),
}


def write_inputs() -> None:
    """Samples whose voxels carry the first layer, features of two layers, stimuli."""
    rng = np.random.default_rng(0)
    statistics, conv = {}, {}
    for name, ids in (("train", TRAIN), ("natural", TEST)):
        sampled, units = {}, {}
        for layer, shape in LAYERS.items():
            path = f"features/{name}/{layer}.h5"
            values = rng.normal(1, 2, (len(ids), *shape)).astype(np.float32)
            write_features(path, values, ids, {})
            sampled[layer], units[layer] = sample_features(path, 20, layer, 0)
            if name == "train":
                statistics[layer] = LayerStatistics.of(values)
            if layer == "conv":
                conv[name] = values.reshape(len(ids), -1)
        write_sampled(f"features/{name}/sampled.h5", SampledUnits(ids, sampled, units), {})
    write_statistics(STATISTICS, statistics, {})
    voxels = np.vstack([np.tile(conv[name], (N_REPEATS, 1)) for name in ("train", "natural")])
    voxels = voxels[:, :N_VOXELS] + rng.normal(0, 0.5, (len(voxels), N_VOXELS))
    labels = {
        "stimulus_id": (TRAIN * N_REPEATS) + (TEST * N_REPEATS),
        "stimulus_set": ["train"] * 24 * N_REPEATS + ["natural"] * 6 * N_REPEATS,
        "Session": np.ones(len(voxels)),
        "Run": np.arange(len(voxels)) // 6 + 1.0,
    }
    write_bdata(SAMPLES, BData.from_columns(voxels, labels, {"ROI_V": np.ones(N_VOXELS, bool)}))
    Path("stimuli").mkdir()
    for table, ids in ((STIMULI, TRAIN), ("stimuli/natural.tsv", TEST)):
        for name in ids:
            Image.new("RGB", (4, 4)).save(f"stimuli/{name}.png")
        rows = "".join(f"{name}\t{name}.png\tc{i // 2}\n" for i, name in enumerate(ids))
        Path(table).write_text(f"stimulus_id\tfile\tcategory\n{rows}")
    for name, row in zip(TEST, conv["natural"], strict=True):
        write_mat(f"lab/conv/S1/V/{name}.mat", "feat", row.reshape(1, *LAYERS["conv"]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is decoded and scored."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch, logging_kept():
        patch.chdir(folder)
        patch.syspath_prepend(SCRIPTS)
        write_inputs()
        for script, job in JOBS.items():
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


def test_features_that_voxels_carry_are_decoded(study):
    """The good study itself, so that the failures below are those of their mistakes."""
    scores = pd.read_csv("decoding_tables/s.tsv", sep="\t").set_index("metric")
    assert scores.loc["profile_correlation", "value"] > 0.7
    assert scores.loc["pairwise_identification", "value"] > 0.9
    assert scores.loc["profile_correlation", "n_repetitions"] == N_REPEATS
    assert scores.loc["profile_correlation", "ceiling"] > scores.loc["profile_correlation", "value"]
    reliability = pd.read_csv("decoding_tables/l.tsv", sep="\t")
    assert reliability["measure"].tolist() == ["profile", "pattern"]
    assert (reliability["correlation"] > 0.7).all()
    validation = pd.read_csv("decoding_tables/v.tsv", sep="\t")
    assert validation.groupby("layer")["chosen"].sum().tolist() == [1, 1]
    by_layer = validation[validation["chosen"]].set_index("layer")["profile_correlation"]
    assert by_layer["conv"] > 0.5 > 0.3 > by_layer["fc"]
    assert np.array_equal(
        read_features("import_decoded/natural/conv.h5", TEST)[0],
        read_features("features/natural/conv.h5", TEST)[0],
    )
    with h5py.File("decoding_scores/units.h5") as file:
        assert file["natural/conv"].shape == LAYERS["conv"]


Spoil = Callable[[], None]


def samples(change: Callable[[BData], BData]) -> Spoil:
    """Another file of samples."""
    return lambda: write_bdata(SAMPLES, change(read_bdata(SAMPLES)))


def voxel(column: int, row: int | slice, value: float) -> Callable[[BData], BData]:
    def change(data: BData) -> BData:
        dataset = data.dataset.copy()
        dataset[row, np.flatnonzero(data.columns("VoxelData"))[column]] = value
        return BData(dataset, data.metadata, data.vmap)

    return change


def rows(keep: Callable[[BData], np.ndarray]) -> Callable[[BData], BData]:
    return lambda data: BData(data.dataset[keep(data)], data.metadata, data.vmap)


def of_set(name: str, n: int = 1000) -> Callable[[BData], np.ndarray]:
    """The first rows of a set, and all of the others."""

    def keep(data: BData) -> np.ndarray:
        inside = np.array(data.labels("stimulus_set")) == name
        return ~inside | (inside.cumsum() <= n)

    return keep


def features(name: str, layer: str, change: Callable) -> Spoil:
    """Another file of features."""

    def spoil() -> None:
        path = f"features/{name}/{layer}.h5"
        values, ids = read_features(path)
        write_features(path, *change(values, ids), {})

    return spoil


def cut(path: str) -> Spoil:
    return lambda: Path(path).write_bytes(Path(path).read_bytes()[: Path(path).stat().st_size // 2])


def without_layer(path: str, layer: str) -> Spoil:
    def spoil() -> None:
        with h5py.File(path, "a") as file:
            del file["layers"][layer]

    return spoil


def with_nan(values: np.ndarray, ids: list[str]) -> tuple[np.ndarray, list[str]]:
    values[5, 2, 1, 1] = np.nan
    return values, ids


TRAIN_CONV, NATURAL_CONV = "features/train/conv.h5", "features/natural/conv.h5"
SAMPLED = "features/train/sampled.h5"
DAMAGED = r"not a readable HDF5 file of .*"
EMPTY = r"samples: 2 of 30 voxels have no number at all, such as that of column 4"
STRANGER = r"features: no row for 1 of 24 stimuli that were shown, such as 'n03'"

CASES = [
    ("samples cut off", "region_voxels", cut(SAMPLES), rf"{SAMPLES}: .*"),
    ("no test samples", "region_voxels", samples(rows(of_set("natural", 0))),
     rf"{SAMPLES}: samples: none of the set 'natural', found sets: train"),
    ("one training stimulus", "region_voxels", samples(rows(of_set("train", 1))),
     rf"{SAMPLES}: samples: 1 stimulus, expected 2 or more"),
    ("all-NaN voxels", "region_voxels", samples(voxel([4, 9], slice(None), np.nan)),
     rf"{SAMPLES}: {EMPTY}"),
    ("NaN in a sample", "region_voxels", samples(voxel(4, 7, np.nan)),
     rf"{SAMPLES}: samples: row 7 \(n07\) has NaN or infinity"),
    ("NaN in a fold", "cross_validate", samples(voxel(4, 7, np.nan)),
     rf"{SAMPLES}: samples: row \d+ \(n07\) has NaN or infinity"),
    ("no features of a stimulus", "decode",
     features("train", "conv", lambda v, ids: (np.delete(v, 3, 0), [i for i in ids if i != "n03"])),
     f"{TRAIN_CONV}: {STRANGER}"),
    ("stimulus twice", "decode",
     features("train", "conv", lambda v, ids: (v, ["n04" if i == "n03" else i for i in ids])),
     f"{TRAIN_CONV}: features: stimulus 'n04' has two rows, expected one"),
    ("NaN in a feature", "decode", features("train", "conv", with_nan),
     rf"{TRAIN_CONV}: features: row 5 \(n05\) has NaN or infinity"),
    ("features cut off", "decode", cut(TRAIN_CONV), f"{TRAIN_CONV}: {DAMAGED}"),
    ("voxels cut off", "decode", cut(REGION), f"{REGION}: {DAMAGED}"),
    ("layer without settings", "decode",
     lambda: Path(SETTINGS).write_text(Path(SETTINGS).read_text().replace("conv", "conf")),
     f"{SETTINGS}: 0 chosen rows of layer 'conv', expected 1"),
    ("sampled layer missing", "cross_validate", without_layer(SAMPLED, "fc"),
     f"{SAMPLED}: no layer 'fc', found conv"),
    ("sampled layer missing for repetitions", "repetitions", without_layer(SAMPLED, "fc"),
     f"{SAMPLED}: no layer 'fc', found conv"),
    ("no folder of the layer", "import_decoded",
     lambda: shutil.move("lab/conv", "lab/conv9_1"), "lab: no folder 'conv'; found conv9_1"),
    ("no folder of the subject", "import_decoded",
     lambda: shutil.move("lab/conv/S1", "lab/conv/S2"), "lab/conv: no folder 'S1'; found S2"),
    ("a lab file cut off", "import_decoded", cut("lab/conv/S1/V/t3.mat"),
     r"lab/conv/S1/V/t3.mat: not a readable MATLAB file .*"),
    ("a stimulus without image", "import_decoded",
     lambda: shutil.move("lab/conv/S1/V/t3.mat", "lab/conv/S1/V/t9.mat"),
     "stimuli/natural.tsv: no row for 1 of 6 decoded stimuli, such as 't9'"),
    ("no true features of a stimulus", "decoding_scores",
     features("natural", "conv", lambda v, ids: (v[1:], ids[1:])),
     f"{NATURAL_CONV}: no features of 1 of 6 stimuli, such as 't0'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "spoil", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_bad_input(study, capsys, script, spoil, expected):
    spoil()
    check_line(jobs.lines_of_failure(JOBS[script], script, capsys), script, expected)
    assert not [path for path in Path(script).rglob("*") if path.is_file()]


def test_too_few_voxels(study, capsys):
    few = {"models": [{"model": "topk", "n_voxels": 8}, {"model": "topk", "n_voxels": [50, 31]}]}
    lines = jobs.lines_of_failure(JOBS["region_voxels"], "region_voxels", capsys, params=few)
    expected = "the region has 30 voxels, expected n_voxels = 31 or more; give its decoder .*"
    check_line(lines, "region_voxels", expected)
    assert not Path("region_voxels").exists()


def test_a_missing_region_is_named(study, capsys):
    job = Job(**{**vars(JOBS["region_voxels"]), "wildcards": DECODED | {"roi": "V9"}})
    lines = jobs.lines_of_failure(job, "region_voxels", capsys)
    check_line(lines, "region_voxels", rf"{SAMPLES}: .*'ROI_V9'.*ROI_V.*")


def test_too_few_groups_for_the_folds(study, capsys):
    job, changes = JOBS["cross_validate"], {"n_folds": 13}
    lines = jobs.lines_of_failure(job, "cross_validate", capsys, params=changes)
    check_line(lines, "cross_validate", "12 groups of training images, expected 13 or more")


def test_images_that_share_runs_are_held_out_together(study):
    """Runs of six samples: four sets of images, each shown in three runs."""
    jobs.execute(
        JOBS["cross_validate"], "cross_validate", {}, {"hold_out": "image_set", "n_folds": 4}
    )
    assert pd.read_csv(SETTINGS, sep="\t")["chosen"].sum() == 2


def test_too_few_repetitions_are_named(study, capsys):
    changes = {"model": MODEL | {"repetitions": 4}}
    lines = jobs.lines_of_failure(JOBS["decode"], "decode", capsys, params=changes)
    check_line(lines, "decode", "samples: 3 of stimulus 't0', expected 4 or more to average")
    assert not [path for path in Path("decode").rglob("*") if path.is_file()]


def test_a_set_of_one_image_goes_through(study):
    """What needs other images is not defined; its pattern is."""
    samples(rows(one_image))()
    for name in ("conv", "fc"):
        features("natural", name, lambda values, ids: (values[:1], ids[:1]))()
    whole = read_sampled("features/natural/sampled.h5", list(LAYERS), TEST[:1])
    write_sampled("features/natural/sampled.h5", whole, {})
    for script in ("region_voxels", "decode", "repetitions", "decoding_scores", "decoding_tables"):
        jobs.execute(JOBS[script], script, {}, {})
    scores = pd.read_csv("decoding_tables/s.tsv", sep="\t").set_index("metric")["value"]
    assert scores.isna().to_dict() == {
        "profile_correlation": True, "pattern_correlation": False, "pairwise_identification": True,
    }  # fmt: skip
    assert scores["pattern_correlation"] > 0.5
    by_number = pd.read_csv("decoding_tables/r.tsv", sep="\t").set_index("metric")["value"]
    assert by_number["identification_among_all"].min() > 0.5  # among the training images
    reliability = pd.read_csv("decoding_tables/l.tsv", sep="\t").set_index("measure")
    assert reliability["correlation"].isna().to_dict() == {"profile": True, "pattern": False}


def one_image(data: BData) -> np.ndarray:
    """Rows of training, and of one test image."""
    ids, sets = (np.array(data.labels(key)) for key in ("stimulus_id", "stimulus_set"))
    return (sets == "train") | (ids == TEST[0])


HALVES = Job(
    {"features": [f"decode_halves/{half}/natural/conv.h5" for half in (1, 2)]},
    JOBS["decode"].input,
    JOBS["decode"].params | {"halves": True},
    DECODED,
)


def test_halves_are_decoded_by_the_same_decoder(study):
    """Decoders are linear: two repetitions decoded apart have the decoded average as their mean."""
    jobs.execute(HALVES, "decode", {}, {"model": MODEL | {"repetitions": 2}}, rule="decode_halves")
    jobs.execute(JOBS["decode"], "decode", {}, {"model": MODEL | {"repetitions": 2}})
    whole, ids = read_features("decode/natural/conv.h5")
    halves = [read_features(path)[0] for path in HALVES.output["features"]]
    assert all(read_features(path)[1] == ids == TEST for path in HALVES.output["features"])
    assert np.abs(halves[0] - halves[1]).max() > 0.1
    np.testing.assert_allclose(np.mean(halves, axis=0), whole, atol=1e-4)


def test_images_that_were_shown_once_have_empty_halves(study):
    samples(rows(of_set("natural", 6)))()
    jobs.execute(JOBS["region_voxels"], "region_voxels", {}, {})
    jobs.execute(HALVES, "decode", {}, {}, rule="decode_halves")
    values, ids = read_features(HALVES.output["features"][0])
    assert (values.shape, ids) == ((0, *LAYERS["conv"]), [])
