"""Keys with opaque ids of pictures, and answers of simulated raters as a table of responses."""

import hashlib

import numpy as np
import pandas as pd

from deeprecon.judge.study import pictures_of
from deeprecon.judge.trials import build_trials
from tests.judge.simulate import simulate_ratings
from tests.judge.tables import asked, table

ROI = "roi_vc"


def key_with_pictures(images, tasks, n_raters, seed=0):
    """The key of a study, as `read_key` gives it; ids are hashes of what is shown."""
    trials = build_trials(images, tasks, n_raters=n_raters, seed=seed)
    shown = [[_opaque(name) for name in pictures_of(trial)] for trial in trials.itertuples()]
    top, target, foil = np.array(shown).T
    left = trials["target_side"] == "left"
    return trials.assign(
        top=top, left=np.where(left, target, foil), right=np.where(left, foil, target)
    )


def _opaque(name):
    return hashlib.sha256("/".join(name).encode()).hexdigest()[:12]


def identification(n_images, trials, n_raters, subjects=("sub-one",), methods=("dgn",)):
    images = table({"natural": n_images}, subjects=subjects, methods=methods)
    return key_with_pictures(
        images, [asked("identification", methods, [ROI], trials=trials)], n_raters
    )


def preference(methods, n_images, trials, n_raters, subjects=("sub-one",), sets=("natural",)):
    images = table(dict.fromkeys(sets, n_images), subjects=subjects, methods=methods)
    return key_with_pictures(images, [asked("preference", methods, [ROI], trials=trials)], n_raters)


def responses(key, ratings, excluded=()):
    """A row per answer, joined to the key by trial."""
    rows = [
        {"rater": one["rater"], "file": f"{one['rater']}.json"} | trial
        for one in ratings
        for trial in one["trials"]
    ]
    answers = pd.DataFrame(rows).drop(columns=["order", "left", "right"])
    joined = answers.merge(key, on="trial_id")
    return joined.assign(
        chose_target=joined["response"] == joined["target_side"],
        kept=~joined["rater"].isin(excluded),
    )


def with_clickers(key, n_clickers, **options):
    """Attentive raters on the first lists; on the last clickers, who are left out."""
    lists = key["list"].unique().tolist()
    good = simulate_ratings(key, lists=lists[:-n_clickers], **options)
    bad = simulate_ratings(key, lists=lists[-n_clickers:], kind="clicker", **options)
    return responses(key, good + bad, excluded=[one["rater"] for one in bad])
