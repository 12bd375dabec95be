"""The study: a page that shows what the key says, and gives nothing away."""

import base64
import hashlib
import io
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deeprecon.errors import InputError
from deeprecon.judge.study import build_study, picture_files, pictures_of, read_key
from deeprecon.judge.texts import read_texts
from deeprecon.judge.trials import build_trials
from tests.judge.tables import asked, coloured, table, write_pictures, write_training

TEXTS = read_texts("en")
WORDS = {"title": "A title", "consent": "I agree.\n\nReally.", "texts": TEXTS}
ROIS = ["roi_vc"]
TASKS = [
    asked("identification", ["method_x"], ROIS, trials=16),
    asked("preference", ["method_x", "method_y"], ROIS, trials=12),
    asked("colour_shape", ["method_y"], ROIS, trials=12),
]


SECRETS = (
    "sub-one",
    "roi_vc",
    "method_x",
    "stim-",
    "original-",
    "recon-sub",
    "hidden-name",
    ".png",
)


class Page(HTMLParser):
    """Elements of a page, and the text of its script elements by type."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self._open = [], {}, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self._open = dict(attrs).get("type", "code")
            self.scripts.setdefault(self._open, "")

    def handle_endtag(self, tag):
        if tag == "script":
            self._open = None

    def handle_data(self, data):
        if self._open:
            self.scripts[self._open] += data

    @property
    def content(self):
        return json.loads(self.scripts["application/json"])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    images = table({"set-one": 5, "set-two": 8}, methods=("method_x", "method_y"), folder=folder)
    images = coloured(images, "set-two")
    write_pictures(images)
    training = write_training(folder)
    trials = build_trials(images, TASKS, n_raters=3, seed=4)
    result = build_study(trials, images, training, folder / "judge", **WORDS, seed=4)
    return folder / "judge", images, training, trials, result


def pixels_of(uri):
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    return np.asarray(Image.open(io.BytesIO(data))), data


def test_the_page_shows_what_the_key_says(study):
    folder, images, _, trials, _ = study
    content, (key, _) = (
        Page((folder / "index.html").read_text()).content,
        read_key(folder / "trials.tsv"),
    )
    assert key[list(trials)].astype(str).equals(trials.astype(str))
    shown = {
        row[0]: (number, task, row[1:])
        for number, blocks in enumerate(content["lists"], 1)
        for task, rows in blocks
        for row in rows
    }
    assert len(shown) == len(key)
    files = picture_files(images)
    for trial in key.itertuples():
        number, task, ids = shown[trial.trial_id]
        assert (number, task) == (trial.list, trial.task)
        assert ids == [trial.top, trial.left, trial.right]
        top, left, right = (pixels_of(content["images"][i])[0] for i in ids)
        target, foil = (left, right) if trial.target_side == "left" else (right, left)
        for seen, name in zip((top, target, foil), pictures_of(trial), strict=True):
            np.testing.assert_array_equal(seen, np.asarray(Image.open(files[name])))


def test_pictures_of_each_kind_of_trial(study):
    *_, trials, _ = study

    def kinds(task, kind):
        rows = trials[(trials["task"] == task) & (trials["kind"] == kind)]
        return {tuple(name[0] for name in pictures_of(row)) for row in rows.itertuples()}

    for task in ("identification", "colour_shape"):
        assert kinds(task, "test") == kinds(task, "repeat") == {("recon", "original", "original")}
        assert kinds(task, "catch") == {("original", "original", "original")}
    assert kinds("preference", "test") == {("original", "recon", "recon")}
    assert kinds("preference", "catch") == {("original", "original", "recon")}
    preferred = trials[(trials["task"] == "preference") & (trials["kind"] == "test")]
    for row in preferred.itertuples():
        _, target, foil = pictures_of(row)
        assert {target[3], foil[3]} == {"method_x", "method_y"}
        assert target[5] == foil[5]


def test_lists_are_in_the_order_of_the_key(study):
    folder, *_ = study
    content, (key, _) = (
        Page((folder / "index.html").read_text()).content,
        read_key(folder / "trials.tsv"),
    )
    ids = [[row[0] for _, rows in blocks for row in rows] for blocks in content["lists"]]
    assert ids == [
        part.sort_values("order")["trial_id"].tolist() for _, part in key.groupby("list")
    ]


def test_practice_has_answers_on_both_sides_and_pictures_of_its_own(study):
    folder, *_ = study
    content, (key, _) = (
        Page((folder / "index.html").read_text()).content,
        read_key(folder / "trials.tsv"),
    )
    in_trials = set(key[["top", "left", "right"]].to_numpy().ravel())
    assert set(content["practice"]) == {task.task for task in TASKS}
    for task, rows in content["practice"].items():
        assert sorted(row[3] for row in rows) == ["left", "left", "right", "right"], task
        for *ids, answer in rows:
            assert len(set(ids)) == 3
            assert not set(ids) & in_trials
            top, left, right = (pixels_of(content["images"][i])[0].astype(float) for i in ids)
            near, far = (left, right) if answer == "left" else (right, left)
            like = [np.corrcoef(top.ravel(), other.ravel())[0, 1] for other in (near, far)]
            assert like[0] > like[1], task


def test_the_page_contains_no_names(study):
    folder, _, _, _, result = study
    text = (folder / "index.html").read_text()
    content = Page(text).content
    for secret in (*SECRETS, "set-one", "set-two", "foil", "target_side"):
        assert secret not in text, secret
    for secret in ("catch", "repeat", "target"):
        assert secret not in Page(text).scripts["application/json"], secret
    for uri in content["images"].values():
        assert b"hidden-name" not in pixels_of(uri)[1]
    assert set(content) == {
        "study", "title", "consent", "language", "texts", "practice", "completion_url", "lists",
        "images",
    }  # fmt: skip
    assert list(content["images"]) == sorted(content["images"])
    assert len(content["images"]) == result["n_pictures"]
    assert text.count("data:image/png;base64,") == result["n_pictures"]


def test_the_study_file_has_counts_and_checksums(study):
    folder, _, _, trials, result = study
    saved = json.loads((folder / "study.json").read_text())
    assert saved == result
    assert saved["schema"] == "deeprecon-study/1"
    for name, key in (("trials.tsv", "trials_sha256"), ("index.html", "page_sha256")):
        assert saved[key] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert Page((folder / "index.html").read_text()).content["study"] == saved["trials_sha256"]
    assert read_key(folder / "trials.tsv")[1] == saved["trials_sha256"]
    counts = (saved["n_lists"], saved["n_trials"], saved["n_catch"], saved["n_repeat"])
    assert counts == (3, 120, 9, 9)
    assert saved["lists"][1] == {
        "list": 2,
        "link": "index.html?rater=2",
        "trials": 40,
        "tasks": {"preference": 12, "colour_shape": 12, "identification": 16},
    }
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html", "study.json", "trials.tsv",
    ]  # fmt: skip
    assert len(trials) == 120


def test_output_is_deterministic_and_ids_depend_on_the_seed(study, tmp_path):
    folder, images, training, trials, result = study
    assert build_study(trials, images, training, tmp_path, **WORDS, seed=4) == result
    for name in ("index.html", "trials.tsv", "study.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    build_study(trials, images, training, tmp_path, **WORDS, seed=5)
    of_seed = [set(read_key(path / "trials.tsv")[0]["top"]) for path in (tmp_path, folder)]
    assert not of_seed[0] & of_seed[1]


def test_large_pictures_are_shrunk_and_keep_their_shape(tmp_path):
    images = table({"n": 3}, folder=tmp_path)
    write_pictures(images)
    Image.new("L", (600, 300), 77).save(images["true_file"][0])
    task = asked("identification", ["method_x"], ROIS, trials=10)
    trials = build_trials(images, [task], n_raters=1, seed=0)
    build_study(trials, images, write_training(tmp_path), tmp_path / "out", **WORDS, seed=0)
    content = Page((tmp_path / "out/index.html").read_text()).content
    shapes = {pixels_of(uri)[0].shape for uri in content["images"].values()}
    assert shapes == {(24, 24, 3), (32, 32, 3), (128, 256, 3)}


def test_an_invalid_key_is_refused(tmp_path):
    (tmp_path / "trials.tsv").write_text("list\torder\n1\t1\n")
    with pytest.raises(InputError, match=r"trials.tsv: no column 'trial_id'"):
        read_key(tmp_path / "trials.tsv")


@pytest.mark.parametrize(
    "hostile",
    [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        'quote " and \\ and & and \u2028 and __STUDY__',
        "</SCRIPT ><img src=x onerror=alert(1)>",
    ],
)
def test_hostile_texts_are_escaped(study, tmp_path, hostile):
    _, images, training, trials, _ = study
    words = {"title": hostile, "consent": f"Yes {hostile}", "texts": TEXTS | {"agree": hostile}}
    build_study(trials, images, training, tmp_path, **words, seed=4)
    page = Page((tmp_path / "index.html").read_text())
    assert page.content["title"] == page.content["texts"]["agree"] == hostile
    assert page.content["consent"] == f"Yes {hostile}"
    assert "<" not in page.scripts["application/json"]
    assert sum(tag == "script" for tag, _ in page.elements) == 3
    assert not any("onerror" in attributes for _, attributes in page.elements)


@pytest.mark.parametrize("words", [{"consent": " \n"}, {"title": ""}])
def test_empty_texts_are_refused_before_anything_is_written(study, tmp_path, words):
    _, images, training, trials, _ = study
    with pytest.raises(InputError, match=f"{next(iter(words))}: found an empty text"):
        build_study(trials, images, training, tmp_path / "out", **WORDS | words, seed=0)
    assert not (tmp_path / "out").exists()


def test_missing_broken_and_equal_pictures_are_refused(tmp_path):
    images = table({"set-one": 5}, folder=tmp_path)
    write_pictures(images)
    training = write_training(tmp_path)
    task = asked("identification", ["method_x"], ROIS, trials=16)
    trials = build_trials(images, [task], n_raters=3, seed=4)

    def build():
        build_study(trials, images, training, tmp_path / "out", **WORDS, seed=0)

    recon, first, second = (
        Path(images["recon_file"][0]), *map(Path, images["true_file"][1:3])
    )  # fmt: skip
    good = recon.read_bytes()
    recon.write_bytes(good[:60])
    with pytest.raises(InputError, match=f"{recon.name}: cannot be read"):
        build()
    recon.unlink()
    with pytest.raises(InputError, match=f"{recon.name}: no such picture"):
        build()
    recon.write_bytes(good)
    shutil.copy(first, second)
    with pytest.raises(InputError, match="'stim-set-one-1' and 'stim-set-one-2' are the same"):
        build()
    training.pop()
    with pytest.raises(InputError, match="the same"):
        build()
    assert not (tmp_path / "out").exists()


def test_a_key_with_ratings_is_not_replaced(study, tmp_path):
    _, images, training, trials, result = study
    same = result["trials_sha256"]
    build_study(trials, images, training, tmp_path / "same", **WORDS, seed=4, rated=same)
    with pytest.raises(InputError, match="there are ratings of the present page"):
        build_study(trials, images, training, tmp_path / "out", **WORDS, seed=5, rated=same)
    assert not (tmp_path / "out").exists()


def test_practice_needs_training_images(study, tmp_path):
    _, images, training, trials, _ = study
    with pytest.raises(InputError, match="practice: 3 training images, expected 8"):
        build_study(trials, images, training[:3], tmp_path / "out", **WORDS, seed=0)
    assert not (tmp_path / "out").exists()


def test_identical_methods_give_a_warning(tmp_path, caplog):
    images = table({"n": 4}, methods=("method_x", "method_y"), folder=tmp_path)
    write_pictures(images)
    images.loc[images["method"] == "method_y", "recon_file"] = list(images["recon_file"][:4])
    task = asked("preference", ["method_x", "method_y"], ROIS, trials=10)
    trials = build_trials(images, [task], n_raters=1, seed=0)
    build_study(trials, images, write_training(tmp_path), tmp_path / "out", **WORDS, seed=0)
    assert "9 trials show the same picture twice" in caplog.text


def test_trials_of_other_images_are_refused(study, tmp_path):
    _, images, training, trials, _ = study
    with pytest.raises(InputError, match=r"t0000\d\d: no picture in `images`.*method_x"):
        images = images[images["method"] != "method_x"]
        build_study(trials, images, training, tmp_path, **WORDS, seed=0)
