"""A small key, and raters' results in every format that is read."""

import csv
import hashlib
import io
import json
import zipfile

import numpy as np
import pandas as pd

STUDY = hashlib.sha256(b"trials").hexdigest()
N_LISTS = 3
TASKS = ["identification"] * 8 + ["preference"] * 4 + ["colour_shape"] * 2


def picture(*names):
    return hashlib.sha256("/".join(names).encode()).hexdigest()[:12]


def _trial(kind, task, target, foil, shared, left):
    recon = {"subject": "S1", "roi": "VC", "method": "dgn"}
    nothing = {"subject": "n/a", "roi": "n/a", "method": "n/a"}
    other = {"foil_roi": "n/a", "foil_method": "n/a", "aspect": "n/a"}
    original, rebuilt = picture(target), picture("dgn", target)
    if task == "preference":
        other |= {"foil_roi": "VC", "foil_method": "pixel"}
        first, second, top = rebuilt, picture("pixel", target), original
        foil = target
        if kind == "catch":
            first = original
            recon = {"subject": "S1", "roi": "n/a", "method": "n/a"}
    else:
        first, second, top = original, picture(foil), rebuilt
        if task == "colour_shape":
            other["aspect"] = "colour"
        if kind == "catch":
            recon, top = nothing, original
    sides = {"left": first, "right": second} if left else {"left": second, "right": first}
    row = {
        "task": task, "kind": kind, "shared": shared, "repeats": "n/a", **recon, **other,
        "set": "letters" if task != "colour_shape" else "shapes", "target": target, "foil": foil,
        "target_side": "left" if left else "right", "top": top, **sides,
    }  # fmt: skip
    return row | {"item": picture(kind, task, top, *sorted(sides.values()))}


def make_key():
    """3 lists with 14 shared trials, 8 other trials, 8 catches and 2 repeats each."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(1, N_LISTS + 1):
        shared = [
            _trial("test", task, f"s{i}", f"s{i + 1}", True, i % 2 == 0)
            for i, task in enumerate(TASKS)
        ]
        own = [
            _trial("test", "identification", f"x{number}{i}", f"x{number}{i + 1}", False, i % 2)
            for i in range(8)
        ]
        catches = [
            _trial("catch", "identification", f"x{number}{i}", f"x{number}{i + 1}", False, i % 2)
            for i in range(6)
        ] + [_trial("catch", "preference", f"s{i}", "", False, i % 2) for i in (1, 2)]
        trials = [*shared, *own, *catches]
        trials = [trials[i] for i in rng.permutation(len(trials))]
        firsts = [i for i, trial in enumerate(trials) if trial["kind"] == "test"][:2]
        for i in firsts:
            first = trials[i]
            again = {"left": "right", "right": "left"}
            swapped = {"left": first["right"], "right": first["left"]}
            side = {"target_side": again[first["target_side"]]}
            trials.append(first | swapped | side | {"kind": "repeat", "repeats": i})
        for order, trial in enumerate(trials, 1):
            place = len(rows) + 1
            first = trial["repeats"]
            repeats = first if first == "n/a" else f"t{place - order + first + 1:06d}"
            names = {"list": number, "order": order, "trial_id": f"t{place:06d}"}
            rows.append(trial | names | {"repeats": repeats})
    return pd.DataFrame(rows)


KEY = make_key()


def result(number=1, rater=None, wrong_share=0.2, catches_right=True, seed=None, **changes):
    """What the page saves for a rater who is wrong in some trials, and again in their repeats."""
    trials = KEY[KEY["list"] == number]
    rng = np.random.default_rng(number if seed is None else seed)
    wrong = dict(zip(trials["trial_id"], rng.random(len(trials)) < wrong_share, strict=True))
    answers, t_ms = [], 0
    for trial in trials.itertuples():
        first = trial.repeats if trial.kind == "repeat" else trial.trial_id
        err = wrong[first] and not (trial.kind == "catch" and catches_right)
        rt = int(rng.integers(900, 2500))
        t_ms += rt + (300 if answers else 0)
        answers.append(
            {
                "trial_id": trial.trial_id, "order": trial.order, "left": trial.left,
                "right": trial.right, "response": OTHER[trial.target_side] if err
                else trial.target_side, "rt_ms": rt, "t_ms": t_ms, "focus_lost": 0,
            }
        )  # fmt: skip
    return {
        "schema": "deeprecon-ratings/1", "study": STUDY, "rater": rater or f"r{number:03d}",
        "list": number, "language": "en", "started": "2026-11-25T10:00:00.000Z",
        "finished": "2026-11-25T10:09:00.000Z", "client": {"dpr": 2, "touch": False},
        "external": {"PROLIFIC_PID": None}, "resumed": 0, "trials": answers, **changes,
    }  # fmt: skip


OTHER = {"left": "right", "right": "left"}


def table(rows, delimiter=","):
    """Rows (dicts) as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def long_rows(*results):
    return [
        {name: found[name] for name in ("schema", "study", "rater", "list")} | trial
        for found in results
        for trial in found["trials"]
    ]


def jspsych_rows(found, say=lambda side: ["left", "right"].index(side)):
    """As jsPsych 7 and 8 record: instructions, then trials; ids by `addProperties`."""
    common = {name: found[name] for name in ("study", "rater", "list")}
    first = {
        "rt": 5021.4, "stimulus": "<p>Hello</p>", "response": None, "trial_id": None,
        "trial_type": "instructions", "trial_index": 0, "time_elapsed": 1,
    }  # fmt: skip
    rows = [
        {
            "rt": trial["rt_ms"],
            "stimulus": f"<img src='{trial['left']}.png'>",
            "response": say(trial["response"]),
            "trial_id": trial["trial_id"],
            "trial_type": "html-button-response",
            "trial_index": n,
            "time_elapsed": trial["t_ms"],
        }
        for n, trial in enumerate(found["trials"], 1)
    ]
    return [row | common for row in (first, *rows)]


def meadows_rows(*results):
    """As Meadows exports annotations: its own ids, names of files, times in ISO 8601."""
    top = dict(zip(KEY["trial_id"], KEY["top"], strict=True))
    start = pd.Timestamp("2026-11-25T10:00:00Z")
    rows = []
    for found in results:
        for n, trial in enumerate(found["trials"]):
            names = [top[trial["trial_id"]], trial["left"], trial["right"]]
            ids = {f"stim{i}_id": f"id{hash_of(name)}" for i, name in enumerate(names, 1)}
            end = start + pd.Timedelta(milliseconds=trial["t_ms"])
            begin = end - pd.Timedelta(milliseconds=trial["rt_ms"])
            rows.append(
                {
                    "task": "triplets", "participation": found["rater"], "trial": n,
                    "time_trial_start": begin.isoformat(), "time_trial_response": end.isoformat(),
                    "label": ids["stim2_id" if trial["response"] == "left" else "stim3_id"], **ids,
                    **{f"stim{i}_name": name for i, name in enumerate(names, 1)},
                }
            )  # fmt: skip
    return rows


def hash_of(name):
    return hashlib.sha256(name.encode()).hexdigest()[:5]


def plain_rows(found):
    """The table of test trials that a paper would publish."""
    by_id = KEY.set_index("trial_id")
    rows = []
    for trial in found["trials"]:
        key = by_id.loc[trial["trial_id"]]
        if key["kind"] == "test":
            chose = trial["response"] == key["target_side"]
            columns = ["task", "subject", "method", "target", "foil", "foil_method", "aspect"]
            rows.append(
                {"rater": found["rater"]} | key[columns].to_dict()
                | {"choice": "target" if chose else "foil", "rt_ms": trial["rt_ms"]}
            )  # fmt: skip
    return rows


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    """Bytes of an archive; `members`: name -> text or bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def jatos_archive(*texts):
    """As JATOS 3.8 and later export results."""
    members = {"metadata.json": json.dumps({"data": [{"studyResults": [{"id": 1}]}]})}
    for n, text in enumerate(texts, 1):
        members[f"study_result_{n}/comp-result_{n}/data.txt"] = text
    return zipped(members)


def jatos(found):
    """A line of the page, and one of jsPsych by another rater."""
    other = result(2, rater=f"{found['rater']}-2", seed=found["trials"][0]["rt_ms"])
    return json.dumps(found) + "\n" + json.dumps(jspsych_rows(other)) + "\n"


ROWS = {
    "own": lambda found: found,
    "jspsych": jspsych_rows,
    "long": long_rows,
    "meadows": meadows_rows,
    "plain": plain_rows,
    "jspsych-csv": jspsych_rows,
}
"""Format -> what its file is made of, from a result."""


def written(name, rows):
    """Content of a file of a format in ROWS."""
    if name in ("own", "jspsych"):
        return json.dumps(rows)
    rows = [row for row in rows if isinstance(row, dict)]
    columns = dict.fromkeys(column for row in rows for column in row)
    return table([{column: row.get(column) for column in columns} for row in rows])
