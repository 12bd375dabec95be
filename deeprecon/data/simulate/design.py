"""Sessions, runs and events of the simulated study; events have the columns of ds001506."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator

from deeprecon.data.bids import BoldRun

INITIAL_REST = 32.0  # s
FINAL_REST = 6.0  # s
REPETITION_TIME = 2.0  # s
RUNS_PER_SESSION = 8


@dataclass(frozen=True)
class SetDesign:
    """How a stimulus set is shown: task, and durations (s) of a block and the rest after it."""

    task: str
    block: float
    rest: float


DESIGNS: dict[str, SetDesign] = {
    "train": SetDesign("perception", 8.0, 0.0),
    "natural": SetDesign("perception", 8.0, 0.0),
    "shapes": SetDesign("perception", 8.0, 0.0),
    "letters": SetDesign("perception", 12.0, 12.0),
    "imagery": SetDesign("imagery", 8.0, 0.0),
}


def planned_runs(
    root: Path, subject: str, sessions: Mapping[str, str], n_runs: Mapping[str, int]
) -> list[BoldRun]:
    """List the runs that the simulator will write.

    Parameters
    ----------
    root : folder of the BIDS data set
    subject : name with its prefix
    sessions : stimulus set -> session label, to which a number is added
    n_runs : stimulus set -> number of runs; a session has eight runs, numbered from 1
    """
    runs = []
    for name, total in n_runs.items():
        design = DESIGNS[name]
        for i in range(total):
            session = f"ses-{sessions[name]}{i // RUNS_PER_SESSION + 1:02d}"
            run = f"{i % RUNS_PER_SESSION + 1:02d}"
            stem = f"{subject}_{session}_task-{design.task}_run-{run}"
            folder = root / subject / session / "func"
            runs.append(
                BoldRun(
                    subject=subject,
                    session=session,
                    task=design.task,
                    run=run,
                    bold=folder / f"{stem}_bold.nii.gz",
                    events=folder / f"{stem}_events.tsv",
                )
            )
    return runs


def ids_of_run(name: str, ids: Sequence[str], index: int, n_runs: int) -> list[str]:
    """Stimuli of one run: training images are split across runs, a test run shows all images."""
    if name != "train":
        return list(ids)
    per_run = -(-len(ids) // n_runs)
    return list(ids[index * per_run : (index + 1) * per_run])


def _stimulus_name(name: str, stimulus_id: str, category: str) -> str:
    """Make a stimulus name in the style of ds001506, with small synset numbers."""
    if name == "shapes":
        return f"colorExpStim{int(stimulus_id):02d}_{category}"
    if name == "letters":
        return f"letter_black_img{int(stimulus_id):03d}_{category}"
    synset, _, image = stimulus_id.partition(".")
    return f"n{int(synset):08d}_{int(image)}"


def perception_events(
    name: str, stimuli: pd.DataFrame, ids: Sequence[str], rng: Generator
) -> pd.DataFrame:
    """Events of one perception run, in random order, with one one-back repetition per ten images.

    Parameters
    ----------
    name : stimulus set
    stimuli : table of the set (`data.stimuli`)
    ids : stimuli of this run
    rng : random generator
    """
    design = DESIGNS[name]
    position = {stimulus_id: i for i, stimulus_id in enumerate(stimuli["stimulus_id"], start=1)}
    category = dict(zip(stimuli["stimulus_id"], stimuli["category"], strict=True))
    order = [str(i) for i in rng.permutation(np.array(ids))]
    repeated = set(rng.choice(len(order), size=max(1, len(order) // 10), replace=False).tolist())
    rows: list[dict[str, object]] = [{"onset": 0, "duration": INITIAL_REST, "event_type": -1}]
    time = INITIAL_REST
    for i, stimulus_id in enumerate(order):
        for event_type in (1, 2) if i in repeated else (1,):
            index = position[stimulus_id]
            row: dict[str, object] = {
                "onset": time,
                "duration": design.block,
                "event_type": event_type,
                "stimulus_id": stimulus_id,
                "stimulus_name": _stimulus_name(name, stimulus_id, category[stimulus_id]),
                "category_index": int(float(stimulus_id)) if "." in stimulus_id else index,
                "image_index": index,
            }
            if event_type == 2:
                row["response_time"] = f"{time + rng.uniform(0.6, 1.6):.6f}"
            rows.append(row)
            time += design.block
            if design.rest:
                rows.append({"onset": time, "duration": design.rest, "event_type": -3})
                time += design.rest
    rows.append({"onset": time, "duration": FINAL_REST, "event_type": -2})
    columns = [
        "onset", "duration", "event_type", "stimulus_id", "stimulus_name",
        "category_index", "image_index", "response_time",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns).astype({"onset": int, "duration": int})
    # Otherwise, integer columns with missing values would be written as 1.0.
    return frame.astype({"category_index": "Int64", "image_index": "Int64"})


def imagery_events(stimuli: pd.DataFrame, ids: Sequence[str], rng: Generator) -> pd.DataFrame:
    """Events of one imagery run; a trial is cue 4 s, imagery 8 s, evaluation 3 s, rest 1 s."""
    category = dict(zip(stimuli["stimulus_id"], stimuli["category"], strict=True))
    rows: list[dict[str, object]] = [{"onset": 0.0, "duration": INITIAL_REST, "event_type": -1}]
    time = INITIAL_REST
    for trial, stimulus_id in enumerate(rng.permutation(np.array(ids)), start=2):
        shared = {
            "trial_no": float(trial),
            "category_id": str(stimulus_id),
            "category_name": category[str(stimulus_id)],
            "category_index": str(stimulus_id),
            "response_time": f"{time + 12 + rng.uniform(0.5, 2.5):.6f}",
            "evaluation": float(rng.integers(2, 6)),
        }
        for event_type, duration in ((1, 4.0), (2, 8.0), (3, 3.0), (4, 1.0)):
            event = {"onset": time, "duration": duration, "event_type": event_type}
            rows.append(event | shared)
            time += duration
    last = {"onset": time, "duration": FINAL_REST, "event_type": -2}
    rows[0]["trial_no"], last["trial_no"] = 1.0, float(len(ids) + 2)
    columns = [
        "onset", "duration", "trial_no", "event_type", "category_id",
        "category_name", "category_index", "response_time", "evaluation",
    ]  # fmt: skip
    return pd.DataFrame([*rows, last], columns=columns)
