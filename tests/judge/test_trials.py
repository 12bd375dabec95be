"""Balance, order and repeats of the trials that raters are given."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from deeprecon.errors import InputError
from deeprecon.judge.questions import QUESTION
from deeprecon.judge.trials import build_trials
from tests.judge.tables import asked, coloured, table

ROIS = ["roi_vc"]


def identification(trials=None, methods=("method_x",), **options):
    options |= {"trials": trials} if trials else {}
    return asked("identification", methods, ROIS, **options)


SHAPES = coloured(table({"n": 13, "shapes": 20}, methods=("x", "y")), "shapes")
THREE_TASKS = [
    identification(40, ("x", "y")),
    asked("preference", ("x", "y"), ROIS, trials=20),
    asked("colour_shape", ("x", "y"), ROIS, trials=25),
]
DESIGNS = {
    "paper-like": (table({"natural": 50}, subjects=("a", "b", "c")), 13, [identification()]),
    "several sets": (
        table({"n": 13, "s": 40, "l": 10}, methods=("x", "y")),
        7,
        [identification(33, ("x", "y"))],
    ),
    "lists end with rounds": (table({"n": 28}), 6, [identification(16)]),
    "few stimuli, many rounds": (table({"n": 4, "s": 3}), 5, [identification(40)]),
    "one list": (table({"n": 9}), 1, [identification(10)]),
    "three tasks": (SHAPES, 6, THREE_TASKS),
    "all pairs": (table({"n": 12}, subjects=("a", "b")), 5, [identification(pairs="all")]),
}


@pytest.fixture(params=DESIGNS, ids=str)
def design(request):
    images, n_raters, tasks = DESIGNS[request.param]
    return images, build_trials(images, tasks, n_raters=n_raters, seed=5), n_raters, tasks


def scored(trials):
    return trials[trials["kind"] == "test"]


def test_every_list_has_its_trials_catches_and_repeats(design):
    _, trials, n_raters, tasks = design
    assert trials["trial_id"].is_unique
    assert sorted(trials["list"].unique()) == list(range(1, n_raters + 1))
    for _, part in trials.groupby("list"):
        assert part["order"].tolist() == list(range(1, len(part) + 1))
    for task in tasks:
        own = trials[trials["task"] == task.task]
        kinds = pd.crosstab(own["list"], own["kind"])
        if task.pairs == "sampled":
            assert set(own.groupby("list").size()) == {task.trials}
            assert set(kinds["catch"]) == {max(1, round(0.07 * task.trials))}
            assert set(kinds["repeat"]) == {max(1, round(0.05 * task.trials))}
        share = kinds.div(kinds.sum(axis=1), axis=0)
        assert share["catch"].between(0.03, 0.11).all()
        assert share["repeat"].between(0.02, 0.11).all()


def test_a_list_has_one_block_per_task_in_rotating_order(design):
    _, trials, _, tasks = design
    names = [task.task for task in tasks]
    for number, part in trials.groupby("list"):
        blocks = [name for name, before in pairwise([*part["task"], None]) if name != before]
        turn = (number - 1) % len(names)
        assert blocks == names[turn:] + names[:turn]


def test_shared_trials_are_in_all_lists_and_others_are_equally_frequent(design):
    _, trials, n_raters, tasks = design
    for task in tasks:
        own = scored(trials[trials["task"] == task.task])
        shared = own[own["shared"]]
        if n_raters == 1 or task.pairs == "all":
            assert shared.empty
            continue
        assert shared.groupby("item")["list"].apply(sorted).map(tuple).unique().tolist() == [
            tuple(range(1, n_raters + 1))
        ]
        assert len(shared) >= 0.1 * len(own)
        counts = own[~own["shared"]][QUESTION].value_counts()
        in_shared = set(shared[QUESTION].itertuples(index=False, name=None))
        other = [n for question, n in counts.items() if question not in in_shared]
        assert max(other) - min(other) <= 1


def test_catches_are_equally_frequent_and_show_the_picture_itself(design):
    _, trials, _, _ = design
    certain = trials[trials["kind"] == "catch"]
    for _, part in certain.groupby("task"):
        counts = part[QUESTION].value_counts()
        assert counts.max() - counts.min() <= 1
    assert (certain[["roi", "method"]] == "n/a").all(axis=None)


def test_questions_are_about_known_reconstructions(design):
    images, trials, _, _ = design
    known = set(
        images[["subject", "roi", "method", "set", "stimulus_id"]].itertuples(
            index=False, name=None
        )
    )
    shown = trials[trials["kind"] != "catch"]
    columns = ["subject", "roi", "method", "set", "target"]
    assert set(shown[columns].itertuples(index=False, name=None)) <= known
    preferred = trials[trials["task"] == "preference"]
    columns = ["subject", "foil_roi", "foil_method", "set", "foil"]
    assert set(preferred[columns].itertuples(index=False, name=None)) <= known


def test_foils_are_rivals_and_cycle_before_they_repeat(design):
    images, trials, _, _ = design
    stimuli = images.groupby("set")["stimulus_id"].agg(set)
    of = images.drop_duplicates(["set", "stimulus_id"]).set_index("stimulus_id")
    for key, part in scored(trials).groupby(["task", *QUESTION]):
        task, name, aspect, target = key[0], key[6], key[7], key[8]
        if task == "preference":
            assert set(part["foil"]) == {target}
            continue
        others = stimuli[name] - {target}
        if task == "colour_shape":
            same = {"colour": "shape", "shape": "colour"}[aspect]
            others = {x for x in others if of[same][x] == of[same][target]}
            assert not {x for x in others if of[aspect][x] == of[aspect][target]}
        counts = part[~part["shared"]]["foil"].value_counts()
        assert set(counts.index) <= others
        if not part["shared"].any() and len(counts):
            assert counts.max() - (counts.min() if len(counts) == len(others) else 0) <= 1
        elif len(counts):
            assert counts.max() <= np.ceil((len(part) + 1) / len(others))


def test_sides_are_balanced_in_lists_and_questions(design):
    _, trials, _, _ = design
    assert set(trials["target_side"]) == {"left", "right"}
    left = trials["target_side"].eq("left") * 2 - 1
    assert left.groupby(trials["list"]).sum().abs().max() <= 1
    once = trials["kind"] != "repeat"
    for keys in (["list", "task", "kind"], ["task", "kind", *QUESTION]):
        sums = left[once].groupby([trials.loc[once, key] for key in keys]).sum()
        assert sums.abs().max() <= 1, keys


def test_repeats_swap_the_sides_of_an_earlier_trial(design):
    _, trials, _, _ = design
    by_id = trials.set_index("trial_id")
    repeats = trials[trials["kind"] == "repeat"]
    assert (trials.loc[trials["kind"] != "repeat", "repeats"] == "n/a").all()
    first = by_id.loc[repeats["repeats"]].reset_index(drop=True)
    again = repeats.reset_index(drop=True)
    assert (first["kind"] == "test").all()
    for column in ("list", "task", "item", *QUESTION, "foil"):
        assert (first[column] == again[column]).all(), column
    assert (first["target_side"] != again["target_side"]).all()
    sizes = trials.groupby(["list", "task"]).size()
    for list_, task, gap in zip(
        again["list"], again["task"], again["order"] - first["order"], strict=True
    ):
        assert gap > min(10, sizes[list_, task] // 3 - 1)


def test_an_item_has_the_same_pictures_on_either_side(design):
    _, trials, _, _ = design
    what = ["task", *QUESTION, "foil"]
    kinds = trials["kind"].replace("repeat", "test")
    per_item = trials.assign(kind=kinds).groupby("item")[[*what, "kind"]].nunique()
    assert (per_item == 1).all(axis=None)
    assert trials["item"].nunique() == len(
        trials.assign(kind=kinds)[[*what, "kind"]].drop_duplicates()
    )


def test_successive_trials_have_different_targets(design):
    _, trials, _, _ = design
    for _, part in trials.groupby(["list", "task"]):
        keys = list(zip(part["set"], part["target"], strict=True))
        assert all(a != b for a, b in pairwise(keys))


def test_all_pairs_of_a_set_are_shown_once():
    images, n_raters, tasks = DESIGNS["all pairs"]
    trials = build_trials(images, tasks, n_raters=n_raters, seed=3)
    tests = scored(trials)
    pairs = tests[["subject", "target", "foil"]]
    assert len(pairs) == len(pairs.drop_duplicates()) == 2 * 12 * 11
    sizes = tests.groupby("list").size()
    assert sizes.max() - sizes.min() <= 1
    # No rater sees one original as target much more often than another.
    per_list = tests.groupby("list")["target"].value_counts()
    assert per_list.max() <= np.ceil(2 * 12 * 11 / 5 / 12) + 1


def test_in_full_rounds_an_original_is_target_and_foil_equally_often():
    # 3 conditions x 10 originals = 30 questions; one list of 34 trials, 30 of them tests.
    images = table({"n": 10}, methods=("x", "y", "z"))
    trials = build_trials(images, [identification(34, ("x", "y", "z"))], n_raters=1, seed=1)
    for _, part in scored(trials).groupby("method"):
        assert part["target"].value_counts().tolist() == [1] * 10
        assert part["foil"].value_counts().tolist() == [1] * 10


def test_sides_cannot_be_predicted_from_the_order():
    trials = build_trials(table({"n": 50}), [identification()], n_raters=20, seed=2)
    left = trials["target_side"].eq("left").to_numpy().reshape(20, 150)
    alternations = (left[:, 1:] != left[:, :-1]).mean()
    assert abs(alternations - 0.5) < 0.05  # 2980 pairs: SD 0.009
    assert abs(left[:, 0].mean() - 0.5) < 0.4


@pytest.mark.parametrize("n_trials", range(10, 16))
def test_three_stimuli_can_be_kept_apart(n_trials):
    images = table({"n": 3}, methods=("x", "y"))
    for seed in range(6):
        trials = build_trials(images, [identification(n_trials, ("x", "y"))], n_raters=2, seed=seed)
        for _, part in trials.groupby("list"):
            assert all(a != b for a, b in pairwise(part["target"]))


def test_lists_that_end_with_rounds_still_mix_the_reconstructions():
    images, n_raters, tasks = DESIGNS["lists end with rounds"]
    tests = scored(build_trials(images, tasks, n_raters=n_raters, seed=5))
    groups = [frozenset(part["target"]) for _, part in tests.groupby("list")]
    assert {len(group) for group in groups} == {14}
    assert len(set(groups)) > 2


def test_conditions_are_spread_evenly_over_lists():
    images = table({"n": 30}, subjects=("a", "b", "c"), methods=("x", "y"))
    trials = build_trials(images, [identification(68, ("x", "y"))], n_raters=8, seed=3)
    tests = scored(trials)
    counts = tests.groupby("list")[["subject", "method"]].value_counts()
    assert counts.min() >= 8
    assert counts.max() <= 12  # 60 tests, 6 conditions
    # Conditions that went through the set in step would leave 10 or 11 targets to a list.
    assert tests.groupby("list")["target"].nunique().mean() >= 22


def test_trials_are_deterministic_and_the_seed_matters():
    first = build_trials(SHAPES, THREE_TASKS, n_raters=3, seed=7)
    again = build_trials(SHAPES.copy(), THREE_TASKS, n_raters=3, seed=7)
    other = build_trials(SHAPES, THREE_TASKS, n_raters=3, seed=8)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_a_task_selects_methods_rois_and_sets():
    images = table({"n": 6, "s": 6}, methods=("x", "y"), rois=("roi_vc", "roi_hvc"))
    task = asked("identification", ["y"], ["roi_hvc"], sets=["s"], trials=12)
    trials = build_trials(images, [task], n_raters=2, seed=0)
    assert set(scored(trials)["method"]) == {"y"}
    assert set(scored(trials)["roi"]) == {"roi_hvc"}
    assert set(trials["set"]) == {"s"}


def test_preferences_compare_all_pairs_of_methods_and_regions():
    images = table({"n": 5}, methods=("x", "y"), rois=("roi_vc", "roi_hvc"))
    task = asked("preference", ["x", "y"], ["roi_vc", "roi_hvc"], trials=80)
    trials = scored(build_trials(images, [task], n_raters=3, seed=0))
    pairs = trials[["roi", "method", "foil_roi", "foil_method"]].drop_duplicates()
    assert len(pairs) == 6  # of four conditions
    assert (trials["target"] == trials["foil"]).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="roi"), "no column 'roi'"),
        (lambda t: t.iloc[:0], "no reconstructions"),
        (lambda t: t.iloc[:1], "no set with two stimuli"),
        (lambda t: pd.concat([t, t.iloc[[2]]]), "stim-n-2 more than once"),
        (lambda t: t.assign(recon_file=[None, *t["recon_file"][1:]]), "row 0.*recon_file"),
        (lambda t: t.assign(method="other"), "no reconstructions by method_x from roi_vc"),
        (
            lambda t: pd.concat([t, t.iloc[[1]].assign(method="y", true_file="else.png")]),
            "second original else.png",
        ),
    ],
)
def test_bad_tables_are_refused(spoil, message):
    with pytest.raises(InputError, match=message):
        build_trials(spoil(table({"n": 5})), [identification(12)], n_raters=2, seed=0)


def test_a_set_of_one_stimulus_is_skipped_unless_it_is_requested(caplog):
    images = table({"n": 5, "lonely": 1})
    trials = build_trials(images, [identification(12)], n_raters=2, seed=0)
    assert set(trials["set"]) == {"n"}
    assert "'lonely'" in caplog.text
    with pytest.raises(InputError, match="'lonely' has 1 stimulus"):
        build_trials(images, [identification(12, sets=["n", "lonely"])], n_raters=2, seed=0)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (asked("preference", ["method_x"], ROIS), "two reconstructions"),
        (asked("colour_shape", ["method_x"], ROIS), "no set of coloured shapes"),
    ],
)
def test_tasks_that_cannot_be_asked_are_refused(task, message):
    with pytest.raises(InputError, match=message):
        build_trials(table({"n": 5}), [task], n_raters=2, seed=0)


def test_bad_numbers_are_refused():
    images = table({"n": 5})
    with pytest.raises(InputError, match="n_raters: found 0"):
        build_trials(images, [identification(12)], n_raters=0, seed=0)
    with pytest.raises(ValidationError, match=r"trials\n.*greater than or equal to 10 .*=9"):
        identification(9)
    with pytest.raises(ValidationError, match="trials: contradicts pairs 'all'"):
        identification(20, pairs="all")
    with pytest.raises(InputError, match="each task at most once"):
        build_trials(images, [identification(12)] * 2, n_raters=1, seed=0)
    with pytest.raises(InputError, match="expected at most 20"):
        build_trials(images, [identification(pairs="all")], n_raters=21, seed=0)


def test_a_list_that_must_repeat_a_target_is_refused():
    images = table({"n": 2}, methods=("x", "y", "z"))
    images = images[(images["stimulus_id"] == "stim-n-0") | (images["method"] == "x")]
    with pytest.raises(InputError, match="target n/stim-n-0"):
        build_trials(images, [identification(20, ("x", "y", "z"))], n_raters=1, seed=0)
