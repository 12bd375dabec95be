"""Settings of human judgement: bounds, defaults and contradictions."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from deeprecon.judge.settings import JudgeSettings, Rules, TaskSettings

TASK = {"task": "identification", "methods": ["x"], "rois": ["VC"]}


def test_defaults():
    settings = JudgeSettings(tasks=[TASK], consent="Yes")
    assert (settings.n_raters, settings.language, settings.rules) == (12, "en", Rules())
    assert settings.tasks[0].trials == 150


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"tasks": []}, "tasks"),
        ({"tasks": [TASK, TASK]}, "found 'identification' 2 times"),
        ({"tasks": [TASK | {"task": "afc"}]}, "tasks.0.task"),
        ({"tasks": [TASK | {"methods": ["x", "x"]}]}, "tasks.0.methods"),
        ({"tasks": [TASK | {"methods": []}]}, "tasks.0.methods"),
        ({"tasks": [TASK | {"trials": 12.0}]}, "tasks.0.trials"),
        ({"tasks": [TASK | {"task": "preference", "pairs": "all"}]}, "no foils to pair"),
        ({"consent": ""}, "consent"),
        ({"completion_url": "http://insecure.org"}, "completion_url"),
        ({"n_raters": True}, "n_raters"),
        ({"rules": {"min_catch": 0.5}}, "rules.min_catch"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_invalid_settings_are_refused(change, where):
    with pytest.raises(ValidationError, match=where.replace(".", r"\.")):
        JudgeSettings(**{"tasks": [TASK], "consent": "Yes"} | change)


def test_a_task_covers_its_reconstructions():
    task = TaskSettings(**TASK)
    assert task.covers("x", "VC", "letters")
    assert not task.covers("y", "VC", "letters") and not task.covers("x", "V1", "letters")
    assert not TaskSettings(**TASK, sets=["faces"]).covers("x", "VC", "letters")


def test_every_setting_is_described():
    for model in (JudgeSettings, TaskSettings, Rules):
        assert all(field.description for field in model.model_fields.values())


def test_settings_import_nothing_heavy():
    code = (
        "import sys, deeprecon.judge.settings; print({'pandas', 'torch', 'PIL'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
