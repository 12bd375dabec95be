"""Match plain tables of choices, such as papers publish, to the names in the study."""

from collections.abc import Collection

from deeprecon.judge.questions import NONE, QUESTION
from deeprecon.judge.ratings.findings import Finding, Problems
from deeprecon.judge.ratings.joining import Rated, Rating, identified, number_of
from deeprecon.judge.ratings.key import Trial, Trials
from deeprecon.judge.ratings.sheets import Answer, Sheet
from deeprecon.judge.ratings.untrusted import quoted
from deeprecon.judge.settings import TASKS
from deeprecon.judge.trials import TRIAL_COLUMNS

ASPECTS = ("colour", "shape")


class Names:
    """The names that occur in the key: the only words that get from a plain table into results."""

    def __init__(self, trials: Trials) -> None:
        rows = list(trials.by_id.values())
        of = {name: {row[name] for row in rows} - {NONE} for name in QUESTION}
        self.subject, self.set = of["subject"], of["set"]
        self.method = of["method"] | of["foil_method"]
        self.roi = of["roi"] | of["foil_roi"]
        self.sets_of: dict[str, set[str]] = {}
        self.rois_of: dict[tuple[str, str, str], set[str]] = {}
        self.aspects_of: dict[tuple[str, str, str], set[str]] = {}
        for row in rows:
            pair = (row["set"], row["target"], row["foil"])
            self.aspects_of.setdefault(pair, set()).add(row["aspect"])
            for stimulus in pair[1:]:
                self.sets_of.setdefault(stimulus, set()).add(row["set"])
            for kind in ("", "foil_"):
                recon = (row["subject"], row[f"{kind}method"], row["set"])
                self.rois_of.setdefault(recon, set()).update({row[f"{kind}roi"]} - {NONE})


def join_plain(sheet: Sheet, file: str, names: Names) -> tuple[Rating | None, list[Finding]]:
    """The rating in a plain table, or None if there are errors, and the findings.

    Its trials have list and order 0 and trial_id "n/a". The sides are unknown: the target counts
    as the left picture.
    """
    rater, problems = identified(sheet, file)
    answers = []
    for answer in sheet.answers:
        trial = _trial(answer, names, problems)
        response = _choice(answer, trial, problems)
        answers.append(Rated(trial, response, number_of(answer, "rt_ms", problems)))
    rating = None if problems.errors else Rating(rater, file, sheet.format, 0, answers)
    return rating, problems.findings()


def _trial(answer: Answer, names: Names, problems: Problems) -> Trial:
    """The trial that an answer is about, made of names that occur in the study."""
    task = _known(answer, "task", set(TASKS), problems)
    subject = _known(answer, "subject", names.subject, problems)
    method = _known(answer, "method", names.method, problems)
    target, foil = (
        _known(answer, name, names.sets_of.keys(), problems) for name in ("target", "foil")
    )
    preference = task == "preference"
    foil_method = _known(answer, "foil_method", names.method, problems) if preference else NONE
    if (target == foil) != preference and NONE not in (target, foil):
        wanted = "the same" if preference else "different ones"
        found = f"found target {target} and foil {foil}"
        problems.error("unknown_name", f"{answer.where}: {found}, expected {wanted}")
    of = _set(answer, target, foil, names, problems)
    roi = _roi(answer, "roi", (subject, method, of), names, problems)
    foil_roi, aspect = NONE, NONE
    if preference:
        foil_roi = _roi(answer, "foil_roi", (subject, foil_method, of), names, problems)
    if task == "colour_shape":
        aspect = _aspect(answer, (of, target, foil), names, problems)
    question = (subject, roi, foil_roi, method, foil_method, of, aspect, target)
    return dict.fromkeys(TRIAL_COLUMNS, NONE) | {
        "list": 0, "order": 0, "task": task, "kind": "test", "shared": False,
        "item": "|".join(["plain", task, *question, foil]),
        **dict(zip(QUESTION, question, strict=True)), "foil": foil, "target_side": "left",
    }  # fmt: skip


def _known(answer: Answer, column: str, names: Collection[str], problems: Problems) -> str:
    """The cell if it is one of the names, otherwise NONE and an error."""
    cell = answer.other.get(column, "")
    if cell in names:
        return cell
    some = ", ".join(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")
    message = f"{answer.where}: found {column} {quoted(cell)}, expected one of {some}"
    problems.error("unknown_name", message)
    return NONE


def _set(answer: Answer, target: str, foil: str, names: Names, problems: Problems) -> str:
    """The set in the column or, without one, the only set that has both stimuli."""
    candidates = names.sets_of.get(target, set()) & names.sets_of.get(foil, set())
    if answer.other.get("set"):
        of = _known(answer, "set", names.set, problems)
        if of in candidates or NONE in (of, target, foil):
            return of
    elif len(candidates) == 1:
        return next(iter(candidates))
    if NONE not in (target, foil):
        found = ", ".join(sorted(candidates)) or "none"
        problems.error(
            "unknown_name",
            f"{answer.where}: sets with {target} and {foil}: {found}; expected exactly one, or a "
            "column set that names one of several",
        )
    return NONE


def _roi(
    answer: Answer, column: str, recon: tuple[str, str, str], names: Names, problems: Problems
) -> str:
    """The region in the column, the only region of these reconstructions, or NONE."""
    if answer.other.get(column) not in (None, "", NONE):
        return _known(answer, column, names.roi, problems)
    candidates = names.rois_of.get(recon, set())
    return next(iter(candidates)) if len(candidates) == 1 else NONE


def _aspect(answer: Answer, pair: tuple[str, str, str], names: Names, problems: Problems) -> str:
    """The aspect in the column or, without one, the only aspect in which the stimuli differ."""
    found = names.aspects_of.get(pair, set()) & set(ASPECTS)
    if answer.other.get("aspect") or len(found) != 1:
        return _known(answer, "aspect", set(ASPECTS), problems)
    return next(iter(found))


def _choice(answer: Answer, trial: Trial, problems: Problems) -> str:
    """The side that was chosen, where the target counts as left and the foil as right."""
    choice = answer.other.get("choice", "")
    columns = ("method", "foil_method") if trial["task"] == "preference" else ("target", "foil")
    for words in (("target", "foil"), tuple(trial[name] for name in columns)):
        if choice in words and words[0] != words[1]:
            return "left" if choice == words[0] else "right"
    message = f"{answer.where}: found choice {quoted(choice)}, expected target or foil"
    problems.error("bad_response", message)
    return "n/a"
