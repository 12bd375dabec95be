"""Settings of human judgement: the section `judge` of the configuration."""

import hashlib
import json
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from deeprecon.typed import Names, Settings, as_tuple

TaskName = Literal["identification", "preference", "colour_shape"]
TASKS: tuple[str, ...] = get_args(TaskName)
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Milliseconds = Annotated[float, Field(ge=0, le=1_000_000, strict=True)]
Count = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class TaskSettings(Settings):
    """One task: what raters are asked, about which reconstructions, and how often."""

    task: TaskName = Field(description="what raters are asked, see docs/judgement.md")
    methods: Names = Field(description="reconstruction methods to judge")
    rois: Names = Field(description="regions to judge; every method in every region is judged")
    sets: Names | None = Field(
        default=None, description="stimulus sets; by default all that the methods reconstruct"
    )
    trials: int = Field(
        default=150,
        ge=10,
        strict=True,
        description="trials per rater, including catches and repeats",
    )
    pairs: Literal["sampled", "all"] = Field(
        default="sampled",
        description="all: each reconstruction meets every other original of its set once, and "
        "these comparisons are divided among the raters, as in Shen et al. (2019)",
    )

    def covers(self, method: str, roi: str, stimulus_set: str) -> bool:
        """Whether the task is about the reconstructions of a set by a method from a region."""
        in_sets = self.sets is None or stimulus_set in self.sets
        return method in self.methods and roi in self.rois and in_sets

    @model_validator(mode="after")
    def _check_pairs(self) -> "TaskSettings":
        if self.pairs == "all" and "trials" in self.model_fields_set:
            raise ValueError("trials: contradicts pairs 'all', which sets the number of trials")
        if self.pairs == "all" and self.task == "preference":
            raise ValueError("pairs: a preference has no foils to pair")
        return self


class Rules(Settings):
    """Limits of the checks of ratings."""

    min_completed: Share = Field(
        default=0.9, description="warn if a rater answered a smaller share of the list"
    )
    min_used: Share = Field(
        default=0.5, description="exclude a rater who answered a smaller share of the list"
    )
    fast_ms: Milliseconds = Field(
        default=200.0, description="answers faster than this are too fast (ms)"
    )
    max_fast_share: Share = Field(
        default=0.05, description="exclude a rater with a larger share of answers that are too fast"
    )
    min_median_ms: Milliseconds = Field(
        default=500.0, description="exclude a rater whose median response time is shorter (ms)"
    )
    min_catch_accuracy: Share = Field(
        default=0.9, description="exclude a rater with a lower accuracy in catch trials"
    )
    min_catches: Count = Field(
        default=8,
        description="with fewer catches, exclude only if the exact binomial test does not reject "
        "guessing at 0.05, and warn otherwise",
    )
    side_p: Share = Field(
        default=0.001,
        description="exclude a rater if the exact binomial test of left against right gives a "
        "smaller p",
    )
    max_run: Annotated[Count, Field(ge=2)] = Field(
        default=12,
        description="warn of this many answers in a row on one side or on alternating sides",
    )
    min_repeat_consistency: Share = Field(
        default=0.6, description="warn if a smaller share of repeats was answered as before"
    )
    min_session_share: Share = Field(
        default=1 / 3, description="warn of a session shorter than this share of the median session"
    )
    max_focus_lost_share: Share = Field(
        default=0.1, description="warn if the page lost focus in a larger share of trials"
    )
    min_shared: Count = Field(
        default=10, description="warn if fewer items were judged by two or more included raters"
    )

    @model_validator(mode="after")
    def _check_completed(self) -> "Rules":
        if self.min_used > self.min_completed:
            raise ValueError(
                f"min_used: found {self.min_used}, expected at most min_completed, "
                f"{self.min_completed}"
            )
        return self

    def digest(self) -> str:
        """SHA-256 of the rules as JSON with sorted keys."""
        text = json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class JudgeSettings(Settings):
    """Human judgement: the study page, its raters, and the checks of their answers."""

    tasks: Annotated[tuple[TaskSettings, ...], BeforeValidator(as_tuple)] = Field(
        min_length=1, description="what raters are asked: one block of trials per task"
    )
    n_raters: int = Field(
        default=12, ge=1, strict=True, description="number of lists of trials, one for each rater"
    )
    title: str = Field(
        default="Which picture is more similar?",
        min_length=1,
        description="heading of the study page",
    )
    consent: str = Field(
        min_length=1,
        description="text that a rater must agree to; your ethics board's, there is no default",
    )
    language: str = Field(
        default="en",
        min_length=1,
        description="language of the page: en, ja, or a file with your own texts",
    )
    completion_url: str | None = Field(
        default=None,
        pattern=r"^https://[^\s<>\"]+$",
        description="where raters return to when they have finished",
    )
    ratings: str | None = Field(
        default=None,
        min_length=1,
        description="folder of the rating files; by default results/<study>/judge/ratings",
    )
    rules: Rules = Field(
        default=Rules(),
        description="limits of the checks of ratings, fixed before the first rating",
    )

    @model_validator(mode="after")
    def _check_tasks(self) -> "JudgeSettings":
        names = [task.task for task in self.tasks]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                raise ValueError(f"tasks: found {name!r} {names.count(name)} times, expected once")
        return self
