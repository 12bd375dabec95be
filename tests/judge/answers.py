"""Tables of answers, by a rule for each trial."""

from deeprecon.judge.trials import build_trials
from tests.judge.tables import asked, table

SWAP = {"left": "right", "right": "left"}


def key_of(sets, trials, n_raters, methods=("method_x",), task="identification", seed=0):
    """The key of a study of one task; picture ids aside."""
    only = asked(task, list(methods), ["roi_vc"], trials=trials)
    return build_trials(table(sets, methods=methods), [only], n_raters=n_raters, seed=seed)


def answers_of(key, chooses_target, lists=None, kept=True):
    """Responses of one rater for each list, `chooses_target` says what they choose."""
    rows = key if lists is None else key[key["list"].isin(lists)]
    rows = rows.reset_index(drop=True)
    chose = [bool(chooses_target(trial)) for trial in rows.itertuples()]
    sides = [
        side if target else SWAP[side]
        for side, target in zip(rows["target_side"], chose, strict=True)
    ]
    return rows.assign(
        rater=[f"r{number:03d}" for number in rows["list"]], file="file.json", response=sides,
        rt_ms=1000.0, t_ms=1000.0, focus_lost=0.0, chose_target=chose, kept=kept,
    )  # fmt: skip
