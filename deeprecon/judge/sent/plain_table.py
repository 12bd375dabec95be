"""Plain tables of choices, as papers publish them: joined with the names that the study has."""

from collections.abc import Collection, Mapping

from deeprecon.judge.questions import CONDITION, NONE, TASKS
from deeprecon.judge.sent.findings import Finding, Problems
from deeprecon.judge.sent.joining import MAX_MS, Rating, identified
from deeprecon.judge.sent.keyed import Trials
from deeprecon.judge.sent.quantities import quantity
from deeprecon.judge.sent.sheets import Answer, Sheet
from deeprecon.judge.sent.untrusted import quoted

ASPECTS = ("colour", "shape")


class Names:
    """What the key of the study can be named: the only words that get into a table."""

    def __init__(self, trials: Trials) -> None:
        columns = trials.columns
        self.subject = set(columns["subject"]) - {NONE}
        self.method = {*columns["method"], *columns["foil_method"]} - {NONE}
        self.roi = {*columns["roi"], *columns["foil_roi"]} - {NONE}
        self.set = set(columns["set"])
        self.sets_of: dict[str, set[str]] = {}
        for name in ("target", "foil"):
            for stimulus, of in zip(columns[name], columns["set"], strict=True):
                self.sets_of.setdefault(stimulus, set()).add(of)
        self.rois_of: dict[tuple[str, str, str], set[str]] = {}
        self.aspects_of: dict[tuple[str, str, str], set[str]] = {}
        for i in range(len(columns["list"])):
            for kind in ("", "foil_"):
                roi = columns[f"{kind}roi"][i]
                if roi != NONE:
                    place = (columns["subject"][i], columns[f"{kind}method"][i], columns["set"][i])
                    self.rois_of.setdefault(place, set()).add(roi)
            pair = (columns["set"][i], columns["target"][i], columns["foil"][i])
            self.aspects_of.setdefault(pair, set()).add(columns["aspect"][i])


def join_plain(
    sheet: Sheet, file: str, trials: Trials, names: Names
) -> tuple[Rating | None, list[Finding]]:
    """The answers of a rater in a plain table, or None and the reasons.

    Their trials are added to `trials` with list and order 0, trial_id "n/a" and the target on the
    left, as the sides are unknown.
    """
    rater, problems = identified(sheet, file)
    rows, responses, times = [], [], []
    for answer in sheet.answers:
        row = _row(answer, names, problems)
        responses.append(_choice(answer, row, problems))
        rows.append(row)
        time = quantity(answer.rt_ms, MAX_MS)
        if time is None:
            problems.error(
                "bad_number",
                f"{answer.where}: found rt_ms {quoted(answer.rt_ms)}, expected 0 to {MAX_MS:.0f}",
            )
        times.append(time)
    if problems.errors:
        return None, problems.findings()
    unknown = [float("nan")] * len(rows)
    rating = Rating(
        rater, file, "plain", 0, [trials.add(row) for row in rows], responses,
        [time for time in times if time is not None], unknown, unknown,
    )  # fmt: skip
    return rating, problems.findings()


def _row(answer: Answer, names: Names, problems: Problems) -> dict[str, object]:
    """A row of the key for an answer; what it is about must have a name in the study."""
    cells = answer.other
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
        problems.error(
            "unknown_name",
            f"{answer.where}: found target {target} and foil {foil}, expected {wanted}",
        )
    of = _set(answer, target, foil, names, problems)
    roi = _roi(answer, "roi", (subject, method, of), names, problems)
    foil_roi = (
        _roi(answer, "foil_roi", (subject, foil_method, of), names, problems)
        if preference
        else NONE
    )
    aspect = NONE
    if task == "colour_shape":
        found = names.aspects_of.get((of, target, foil), set()) & set(ASPECTS)
        if cells.get("aspect") or len(found) != 1:
            aspect = _known(answer, "aspect", set(ASPECTS), problems)
        else:
            (aspect,) = found
    row = {
        "task": task, "subject": subject, "roi": roi, "foil_roi": foil_roi, "method": method,
        "foil_method": foil_method, "set": of, "aspect": aspect, "target": target, "foil": foil,
    }  # fmt: skip
    item = "|".join(["plain", task, *(row[name] for name in (*CONDITION, "target", "foil"))])
    return row | {
        "list": 0, "order": 0, "trial_id": NONE, "kind": "test", "shared": False, "item": item,
        "target_side": "left",
    }  # fmt: skip


def _known(answer: Answer, column: str, names: Collection[str], problems: Problems) -> str:
    """The cell if it is one of the names, else NONE and an error."""
    cell = answer.other.get(column, "")
    if cell in names:
        return cell
    some = ", ".join(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")
    problems.error(
        "unknown_name", f"{answer.where}: found {column} {quoted(cell)}, expected one of {some}"
    )
    return NONE


def _set(answer: Answer, target: str, foil: str, names: Names, problems: Problems) -> str:
    """The column's set, or the only one with both stimuli."""
    having = names.sets_of.get(target, set()) & names.sets_of.get(foil, set())
    if answer.other.get("set"):
        of = _known(answer, "set", names.set, problems)
        if of in having or NONE in (of, target, foil):
            return of
    elif len(having) == 1:
        return next(iter(having))
    if NONE not in (target, foil):
        found = ", ".join(sorted(having)) or "none"
        problems.error(
            "unknown_name",
            f"{answer.where}: sets with {target} and {foil}: {found}; expected one, named in a "
            "column set if there are several",
        )
    return NONE


def _roi(
    answer: Answer, column: str, of: tuple[str, str, str], names: Names, problems: Problems
) -> str:
    """The column's region, or the only one of the reconstructions, or NONE."""
    if answer.other.get(column) not in (None, "", NONE):
        return _known(answer, column, names.roi, problems)
    having = names.rois_of.get(of, set())
    return next(iter(having)) if len(having) == 1 else NONE


def _choice(answer: Answer, row: Mapping[str, object], problems: Problems) -> str:
    """The target counts as left, the foil as right."""
    choice = answer.other.get("choice", "")
    name = "method" if row["task"] == "preference" else ""
    pair = (row["method"], row["foil_method"]) if name else (row["target"], row["foil"])
    for words in (("target", "foil"), pair):
        if choice in words and words[0] != words[1]:
            return "left" if choice == words[0] else "right"
    problems.error(
        "bad_response", f"{answer.where}: found choice {quoted(choice)}, expected target or foil"
    )
    return "n/a"
