"""The study page: a fair deal of trials, and a page that gives nothing away."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from deeprecon.errors import InputError
from deeprecon.judge.study import CONDITION, build_study, build_trials

ITEM = [*CONDITION, "target"]


def table(sets, subjects=("sub-one",), methods=("method-x",), folder="."):
    """A row per reconstruction; `sets`: name -> number of stimuli."""
    rows = [
        (
            subject, "roi-vc", method, name, f"stim-{name}-{i}",
            f"{folder}/original-{name}-{i}.png",
            f"{folder}/recon-{subject}-{method}-{name}-{i}.png",
        )
        for name, n in sets.items()
        for subject in subjects
        for method in methods
        for i in range(n)
    ]  # fmt: skip
    names = ["subject", "roi", "method", "set", "stimulus_id", "true_file", "recon_file"]
    return pd.DataFrame(rows, columns=names)


DESIGNS = {
    "paper-like": (table({"natural": 50}, subjects=("a", "b", "c")), 13, 150),
    "several sets": (table({"n": 13, "s": 40, "l": 10}, methods=("x", "y")), 7, 33),
    "lists end with rounds": (table({"n": 28}), 6, 15),
    "few stimuli, many rounds": (table({"n": 4, "s": 3}), 5, 40),
    "one list": (table({"n": 9}), 1, 4),
}


@pytest.fixture(params=DESIGNS, ids=str)
def design(request):
    images, n_raters, per_rater = DESIGNS[request.param]
    trials = build_trials(images, n_raters=n_raters, trials_per_rater=per_rater, seed=5)
    return images, trials, n_raters, per_rater


def test_every_list_has_its_trials_and_catches(design):
    _, trials, n_raters, per_rater = design
    assert (
        trials.groupby("list")["order"].apply(list).tolist()
        == [list(range(1, per_rater + 1))] * n_raters
    )
    assert trials["trial_id"].is_unique
    assert set(trials.groupby("list")["catch"].sum()) == {max(1, round(0.07 * per_rater))}


def test_every_reconstruction_and_every_catch_original_comes_equally_often(design):
    images, trials, n_raters, _ = design
    scored, catches = trials[~trials["catch"]], trials[trials["catch"]]
    for part, n_items in (
        (scored, len(images)),
        (catches, len(images.drop_duplicates(["set", "stimulus_id"]))),
    ):
        counts = part[ITEM].value_counts()
        assert counts.sum() == len(part)
        assert counts.max() - (counts.min() if len(counts) == n_items else 0) <= 1
        within = part.groupby("list")[ITEM].value_counts()
        assert within.max() <= np.ceil(len(part) / n_raters / n_items)
    known = set(images[[*CONDITION, "stimulus_id"]].itertuples(index=False, name=None))
    assert set(scored[ITEM].itertuples(index=False, name=None)) <= known


def test_foils_are_other_originals_of_the_set_and_cycle_before_they_repeat(design):
    images, trials, _, _ = design
    stimuli = images.groupby("set")["stimulus_id"].agg(set)
    for (*_, name, target), part in trials.groupby([*ITEM]):
        others = stimuli[name] - {target}
        counts = part["foil"].value_counts()
        assert set(counts.index) <= others
        assert counts.max() - (counts.min() if len(counts) == len(others) else 0) <= 1


def test_in_full_rounds_an_original_is_target_and_foil_equally_often():
    # 3 conditions x 10 originals = 30 items; 9 lists of 32 trials, 30 of them scored.
    images = table({"n": 10}, methods=("x", "y", "z"))
    trials = build_trials(images, n_raters=9, trials_per_rater=32, seed=1)
    for _, part in trials[~trials["catch"]].groupby(["list", "method"]):
        assert part["target"].value_counts().tolist() == [1] * 10
        assert part["foil"].value_counts().tolist() == [1] * 10
    # Nine rounds are all nine foils of each reconstruction.
    pairs = trials[~trials["catch"]][[*ITEM, "foil"]]
    assert len(pairs.drop_duplicates()) == 30 * 9


def test_sides_are_balanced_in_lists_catches_and_reconstructions(design):
    _, trials, _, _ = design
    assert set(trials["target_side"]) == {"left", "right"}
    left = trials["target_side"].eq("left") * 2 - 1
    for keys in (["list"], ["list", "catch"], ITEM):
        assert left.groupby([trials[key] for key in keys]).sum().abs().max() <= 1, keys


def test_sides_do_not_follow_from_the_order():
    trials = build_trials(table({"n": 50}), n_raters=20, trials_per_rater=150, seed=2)
    left = trials["target_side"].eq("left").to_numpy().reshape(20, 150)
    alternations = (left[:, 1:] != left[:, :-1]).mean()
    assert abs(alternations - 0.5) < 0.05  # 2980 pairs: SD 0.009
    assert abs(left[:, 0].mean() - 0.5) < 0.4


def test_no_target_twice_in_a_row(design):
    _, trials, _, _ = design
    for _, part in trials.groupby("list"):
        keys = list(zip(part["set"], part["target"], strict=True))
        assert all(a != b for a, b in pairwise(keys))


@pytest.mark.parametrize("per_rater", range(5, 12))
def test_three_stimuli_can_be_kept_apart(per_rater):
    images = table({"n": 3}, methods=("x", "y"))
    for seed in range(10):
        trials = build_trials(images, n_raters=2, trials_per_rater=per_rater, seed=seed)
        for _, part in trials.groupby("list"):
            assert all(a != b for a, b in pairwise(part["target"]))


def test_lists_that_end_with_rounds_still_mix_the_reconstructions():
    images, n_raters, per_rater = DESIGNS["lists end with rounds"]
    trials = build_trials(images, n_raters=n_raters, trials_per_rater=per_rater, seed=5)
    scored = trials[~trials["catch"]]
    groups = [frozenset(part["target"]) for _, part in scored.groupby("list")]
    assert {len(group) for group in groups} == {14}
    assert len(set(groups)) > 2


def test_conditions_are_spread_evenly_over_lists():
    images = table({"n": 30}, subjects=("a", "b", "c"), methods=("x", "y"))
    trials = build_trials(images, n_raters=8, trials_per_rater=64, seed=3)
    counts = trials[~trials["catch"]].groupby("list")[["subject", "method"]].value_counts()
    assert counts.min() >= 8
    assert counts.max() <= 12  # 60 scored trials, 6 conditions
    # Conditions that went through the set in step would leave 10 or 11 targets to a list.
    assert trials[~trials["catch"]].groupby("list")["target"].nunique().min() >= 20


def test_trials_are_deterministic_and_the_seed_matters():
    images = table({"n": 12, "s": 5})
    first = build_trials(images, n_raters=3, trials_per_rater=20, seed=7)
    again = build_trials(images.copy(), n_raters=3, trials_per_rater=20, seed=7)
    other = build_trials(images, n_raters=3, trials_per_rater=20, seed=8)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="roi"), "no column 'roi'"),
        (lambda t: t.iloc[:0], "no reconstructions"),
        (lambda t: t.iloc[:1], "'n' has 1 stimulus"),
        (lambda t: pd.concat([t, table({"lonely": 1})]), "'lonely' has 1 stimulus"),
        (lambda t: pd.concat([t, t.iloc[[2]]]), "stim-n-2 stands more than once"),
        (lambda t: t.assign(recon_file=[None, *t["recon_file"][1:]]), "row 0.*recon_file"),
        (
            lambda t: pd.concat([t, t.iloc[[1]].assign(method="y", true_file="else.png")]),
            "second original else.png",
        ),
    ],
)
def test_bad_tables_are_refused(spoil, message):
    with pytest.raises(InputError, match=message):
        build_trials(spoil(table({"n": 5})), n_raters=2, trials_per_rater=10, seed=0)


@pytest.mark.parametrize(("n_raters", "per_rater"), [(0, 10), (2, 3)])
def test_bad_numbers_are_refused(n_raters, per_rater):
    with pytest.raises(InputError, match="expected at least"):
        build_trials(table({"n": 5}), n_raters=n_raters, trials_per_rater=per_rater, seed=0)


def test_a_list_that_must_repeat_a_target_is_refused():
    images = table({"n": 2}, methods=("x", "y", "z"))
    images = images[(images["stimulus_id"] == "stim-n-0") | (images["method"] == "x")]
    with pytest.raises(InputError, match="target n/stim-n-0"):
        build_trials(images, n_raters=1, trials_per_rater=20, seed=0)


# ---- the page ----

SECRETS = (
    "sub-one",
    "roi-vc",
    "method-x",
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
            assert self._open not in self.scripts, "a second script of the same type"
            self.scripts[self._open] = ""

    def handle_endtag(self, tag):
        if tag == "script":
            self._open = None

    def handle_data(self, data):
        if self._open:
            self.scripts[self._open] += data

    @property
    def content(self):
        return json.loads(self.scripts["application/json"])


def write_pictures(images, size=24):
    """Random pictures whose metadata name what they show."""
    rng = np.random.default_rng(0)
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "hidden-name")
    for file in pd.unique(images[["true_file", "recon_file"]].to_numpy().ravel()):
        pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, pnginfo=info)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    images = table({"set-one": 5, "set-two": 4}, folder=folder)
    write_pictures(images)
    trials = build_trials(images, n_raters=3, trials_per_rater=16, seed=4)
    result = build_study(
        trials, images, folder / "judge", title="A title", consent="I agree.\n\nReally.", seed=4
    )
    return folder / "judge", images, trials, result


def read_key(folder):
    return pd.read_csv(folder / "trials.tsv", sep="\t", keep_default_na=False)


def pixels_of(uri):
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    return np.asarray(Image.open(io.BytesIO(data))), data


def test_the_page_shows_what_the_key_says(study):
    folder, images, trials, _ = study
    content, key = Page((folder / "index.html").read_text()).content, read_key(folder)
    pd.testing.assert_frame_equal(key[list(trials)], trials, check_dtype=False)
    shown = {row[0]: (n, row[1:]) for n, rows in enumerate(content["lists"], 1) for row in rows}
    assert len(shown) == len(key)
    originals = images.set_index(["set", "stimulus_id"])["true_file"]
    recons = images.set_index(["set", "stimulus_id"])["recon_file"]
    for trial in key.itertuples():
        n, ids = shown[trial.trial_id]
        assert (n, ids) == (trial.list, [trial.top, trial.left, trial.right])
        top, left, right = (pixels_of(content["images"][i])[0] for i in ids)
        target, foil = (left, right) if trial.target_side == "left" else (right, left)
        top_file = (originals if trial.catch else recons)[trial.set, trial.target]
        np.testing.assert_array_equal(top, np.asarray(Image.open(top_file)))
        np.testing.assert_array_equal(
            target, np.asarray(Image.open(originals[trial.set, trial.target]))
        )
        np.testing.assert_array_equal(
            foil, np.asarray(Image.open(originals[trial.set, trial.foil]))
        )


def test_lists_are_in_the_order_of_the_key(study):
    folder, *_ = study
    content, key = Page((folder / "index.html").read_text()).content, read_key(folder)
    ids = [[row[0] for row in rows] for rows in content["lists"]]
    assert ids == [
        part.sort_values("order")["trial_id"].tolist() for _, part in key.groupby("list")
    ]


def test_the_page_names_nothing(study):
    folder, _, _, result = study
    text = (folder / "index.html").read_text()
    content = Page(text).content
    for secret in (*SECRETS, "set-one", "set-two", "foil"):
        assert secret not in text, secret
    for uri in content["images"].values():
        assert b"hidden-name" not in pixels_of(uri)[1]
    assert set(content) == {"study", "title", "consent", "images", "lists"}
    assert list(content["images"]) == sorted(content["images"])
    # Each picture once: 9 reconstructions and 9 originals.
    assert len(content["images"]) == result["n_pictures"] == 18
    assert text.count("data:image/png;base64,") == 18


def test_the_study_file_counts_and_signs(study):
    folder, _, trials, result = study
    saved = json.loads((folder / "study.json").read_text())
    assert saved == result
    assert saved["schema"] == "deeprecon-study/1"
    for name, key in (("trials.tsv", "trials_sha256"), ("index.html", "page_sha256")):
        assert saved[key] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert Page((folder / "index.html").read_text()).content["study"] == saved["trials_sha256"]
    assert (saved["n_lists"], saved["n_trials"], saved["n_catch"]) == (3, 48, 3)
    assert saved["n_reconstructions"] == 9
    assert saved["lists"][2] == {
        "list": 3, "link": "index.html?rater=3", "trials": 16, "catch": 1
    }  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html", "study.json", "trials.tsv",
    ]  # fmt: skip
    assert len(trials) == 48


def test_the_same_study_is_written_twice_alike_and_ids_depend_on_the_seed(study, tmp_path):
    folder, images, trials, result = study
    words = {"title": "A title", "consent": "I agree.\n\nReally."}
    assert build_study(trials, images, tmp_path, **words, seed=4) == result
    for name in ("index.html", "trials.tsv", "study.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    build_study(trials, images, tmp_path, **words, seed=5)
    assert not set(read_key(tmp_path)["top"]) & set(read_key(folder)["top"])


def test_large_pictures_are_shrunk_and_keep_their_shape(tmp_path):
    images = table({"n": 3}, folder=tmp_path)
    write_pictures(images)
    Image.new("L", (600, 300), 77).save(images["true_file"][0])
    trials = build_trials(images, n_raters=1, trials_per_rater=4, seed=0)
    build_study(trials, images, tmp_path / "out", title="t", consent="c", seed=0)
    content = Page((tmp_path / "out/index.html").read_text()).content
    shapes = {pixels_of(uri)[0].shape for uri in content["images"].values()}
    assert shapes == {(24, 24, 3), (128, 256, 3)}


def test_the_page_allows_no_request(study):
    folder, *_ = study
    page = Page((folder / "index.html").read_text())
    policies = [
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert not {"connect-src", "frame-src", "object-src"} & set(rules)
    # The policy must come before whatever it governs.
    assert [tag for tag, _ in page.elements[:4]] == ["html", "head", "meta", "meta"]
    assert page.elements[3][1].get("http-equiv") == "Content-Security-Policy"
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "srcset"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)


def test_names_do_not_give_the_answer_away(study):
    folder, *_ = study
    page = Page((folder / "index.html").read_text())
    labels = {attributes.get("aria-label") for tag, attributes in page.elements if tag == "button"}
    assert {"Left picture", "Right picture"} <= labels
    alts = {attributes["alt"] for tag, attributes in page.elements if tag == "img"}
    assert alts == {"Picture on top", ""}


@pytest.mark.parametrize(
    "hostile",
    [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        'quote " and \\ and & and \u2028 and __STUDY__',
        "</SCRIPT ><img src=x onerror=alert(1)>",
    ],
)
def test_hostile_words_stay_words(study, tmp_path, hostile):
    _, images, trials, _ = study
    build_study(trials, images, tmp_path, title=hostile, consent=f"Yes {hostile}", seed=4)
    page = Page((tmp_path / "index.html").read_text())
    assert set(page.scripts) == {"application/json", "code"}
    assert page.content["title"] == hostile
    assert page.content["consent"] == f"Yes {hostile}"
    assert "<" not in page.scripts["application/json"]
    assert not any("onerror" in attributes for _, attributes in page.elements)


@pytest.mark.parametrize("words", [{"consent": " \n"}, {"title": ""}])
def test_empty_words_are_refused_before_anything_is_written(study, tmp_path, words):
    _, images, trials, _ = study
    given = {"title": "t", "consent": "c"} | words
    with pytest.raises(InputError, match=f"{next(iter(words))}: found an empty text"):
        build_study(trials, images, tmp_path / "out", **given, seed=0)
    assert not (tmp_path / "out").exists()


def test_missing_broken_and_equal_pictures_are_refused(study, tmp_path):
    _, _, trials, _ = study
    images = table({"set-one": 5, "set-two": 4}, folder=tmp_path)
    write_pictures(images)
    words = {"title": "t", "consent": "c", "seed": 0}
    recon, first, second = (
        Path(images["recon_file"][0]), *map(Path, images["true_file"][1:3])
    )  # fmt: skip
    good = recon.read_bytes()
    recon.write_bytes(good[:60])
    with pytest.raises(InputError, match=f"{recon.name}: cannot be read"):
        build_study(trials, images, tmp_path / "out", **words)
    recon.unlink()
    with pytest.raises(InputError, match=f"{recon.name}: no such picture"):
        build_study(trials, images, tmp_path / "out", **words)
    recon.write_bytes(good)
    shutil.copy(first, second)
    with pytest.raises(InputError, match="'stim-set-one-1' and 'stim-set-one-2' are the same"):
        build_study(trials, images, tmp_path / "out", **words)
    assert not (tmp_path / "out").exists()


def test_trials_of_other_images_are_refused(study, tmp_path):
    _, images, trials, _ = study
    with pytest.raises(InputError, match=r"t0000\d\d: no picture in `images`.*method-x"):
        build_study(
            trials, images.assign(method="method-z"), tmp_path, title="t", consent="c", seed=0
        )


def test_the_script_is_valid_javascript(study, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node on the PATH to check the page's script")
    folder, *_ = study
    script = tmp_path / "page.js"
    script.write_text(Page((folder / "index.html").read_text()).scripts["code"])
    done = subprocess.run([node, "--check", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
