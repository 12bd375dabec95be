"""All settings of a study, put together from the sections that the stages declare.

`load_settings` checks all of them before the first job: first each section by itself, then the
sections against each other (`deeprecon.study.consistency`). The schema in
workflow/schemas/ is generated from here by `python -m deeprecon.study.schema`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from deeprecon.data.simulate.settings import SimulationSettings
from deeprecon.decode.registry import MODELS, CustomSettings
from deeprecon.errors import InputError
from deeprecon.evaluate.settings import EvaluationSettings
from deeprecon.features.settings import NetworkSettings
from deeprecon.judge.settings import JudgeSettings
from deeprecon.preprocess.settings import PRESETS as STEP_PRESETS
from deeprecon.preprocess.settings import StepSettings, steps
from deeprecon.reconstruct.presets import PRESETS
from deeprecon.reconstruct.presets import settings_of as preset_changed
from deeprecon.reconstruct.settings import (
    Compute,
    PublishedGeneratorSettings,
    SearchSettings,
    TrainedGeneratorSettings,
)
from deeprecon.study.consistency import consistency_errors
from deeprecon.typed import (
    Distinct,
    Files,
    Name,
    Names,
    Settings,
    Text,
    TextOrNumber,
    changes_of,
    settings_of,
    tagged,
)

Subject = Annotated[str, Field(pattern=r"^sub-[A-Za-z0-9]+$")]
SessionLabel = Annotated[str, Field(pattern=r"^[A-Za-z0-9]*[A-Za-z]$")]
Seed = Annotated[int, Field(ge=0)]
Tables = Annotated[
    str,
    Field(
        min_length=1,
        description="folder with a table <set>.tsv for each set with stimulus_id and file",
    ),
]


class InputSettings(Settings):
    """Keys that all kinds of input have."""

    dataset: Literal["ds001506", "other"] = Field(
        "other",
        description="a data set whose facts are checked: ds001506 (OpenNeuro) has a known number "
        "of samples for each session label",
    )
    imagery_labels: Literal["category_index", "corrected"] = Field(
        "category_index",
        description="category_index: imagined stimuli are named by their number in the events; "
        "corrected: by the target, which ds001506 lists wrongly, see deeprecon/data/ds001506.py",
    )


class SimulatedInput(InputSettings):
    """The workflow simulates a BIDS data set."""

    kind: Literal["simulate"]
    simulate: SimulationSettings


class BidsInput(InputSettings):
    """Raw scans in BIDS."""

    kind: Literal["bids"]
    bids: Text = Field(description="folder of a raw BIDS data set")
    stimuli: Tables


class FmriprepRun(Settings):
    """fMRIPrep, run in a container, once for each subject."""

    license: Text = Field(description="FreeSurfer licence file")
    image: Text = Field(description="container image, such as docker://nipreps/fmriprep:<version>")
    engine: Literal["apptainer", "docker"] = Field("apptainer", description="program that runs it")
    work: Text = Field(".fmriprep", description="folder for intermediate results")
    extra: str = Field("", description="more options for fMRIPrep")


class FmriprepInput(BidsInput):
    """Derivatives of fMRIPrep; events and masks come from the raw data set."""

    kind: Literal["fmriprep"]  # type: ignore[assignment]
    fmriprep: Text | None = Field(
        None, description="folder of fMRIPrep's derivatives; not with run_fmriprep"
    )
    run_fmriprep: FmriprepRun | None = Field(
        None, description="run fMRIPrep in a container instead of reading its derivatives"
    )
    space: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+(:(res|cohort)-[A-Za-z0-9]+)*$")] = Field(
        "T1w",
        description="space of the BOLD series to read, as fMRIPrep's --output-spaces names it: "
        "T1w, MNI152NLin2009cAsym:res-2",
    )


class BdataInput(InputSettings):
    """Samples in BData files (HDF5)."""

    kind: Literal["bdata"]
    bdata: Files = Field(description="stimulus set: BData file, with {subject} in its path")
    label: Text | None = Field(
        None,
        description="key of the BData files that names the stimuli; by default the first of "
        "stimulus_id, Label, stimulus_name, image_index that a file has",
    )
    stimuli: Tables


class DecodedInput(InputSettings):
    """No brain data: all decoders import decoded features."""

    kind: Literal["decoded"]
    stimuli: Tables


INPUTS: dict[str, type[InputSettings]] = {
    "simulate": SimulatedInput,
    "bids": BidsInput,
    "fmriprep": FmriprepInput,
    "bdata": BdataInput,
    "decoded": DecodedInput,
}


class RunSelection(Settings):
    """Runs of a stimulus set by session label, task, or both."""

    session: SessionLabel | None = Field(None, description="session label without its number")
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")] | None = Field(
        None, description="BIDS task"
    )


class AtlasRegion(Settings):
    """A region by its labels in an atlas."""

    atlas: Text = Field(description="pattern of one label image")
    labels: list[int | str] = Field(
        min_length=1, description="values, or names in the table of the atlas"
    )


StepChanges = changes_of(StepSettings, "StepChanges")


class PreprocessSettings(StepChanges):  # type: ignore[valid-type,misc]
    """The steps from scans to samples: a preset, with changes to any of its steps."""

    preset: Literal[tuple(STEP_PRESETS)] = Field(  # type: ignore[valid-type]
        "shen2019", description="the steps that are not given, see docs/preprocessing.md"
    )

    def steps(self) -> StepSettings:
        """All steps: those of the preset, with the given changes."""
        changes = {key: value for key, value in self.given().items() if key != "preset"}
        return steps(self.preset, changes)


class CrossValidationSettings(Settings):
    """Cross-validation on training images, which chooses settings and weights layers."""

    n_folds: int = Field(5, ge=2, description="number of folds")
    hold_out: Literal["category", "image_set"] = Field(
        "category",
        description="groups that folds never divide: image categories, since test images are of "
        "new categories; or the images of runs that share images",
    )
    n_units: int = Field(
        500, ge=10, description="units of each layer that are decoded for it, drawn by the seed"
    )


class MethodSettings(changes_of(SearchSettings, "SearchChanges")):  # type: ignore[misc]
    """A method of reconstruction: features, brain regions, and the search for images."""

    decoder: Name = Field(description="one of decoders")
    layers: Names = Field(description="layers whose features are matched")
    rois: Names = Field(description="regions whose decoded features are used")
    sets: Names = Field(description="stimulus sets that are reconstructed")
    preset: Annotated[Literal[tuple(PRESETS)], TextOrNumber] = Field(  # type: ignore[valid-type]
        "deeprecon",
        description="published settings, or ours, see docs/reconstruction.md; each can be changed",
    )
    subjects: Annotated[Distinct[Literal["each", "average"]], Field(min_length=1)] = Field(
        ("each",),
        description="each subject alone, or features averaged over subjects (sub-average)",
    )
    seeds: Annotated[Distinct[Seed], Field(min_length=1)] | None = Field(
        None,
        description="the method once for each seed, as <method>_seed<n>; by default once, with the "
        "seed of the study",
    )
    generator: Name | None = Field(None, description="prior generator: one of generators")

    def search(self) -> SearchSettings:
        """The settings of the preset, with the changes of this method.

        Raises
        ------
        InputError
            If a change has no effect with the method's prior and optimiser.
        """
        own = set(SearchSettings.model_fields)
        changes = {name: value for name, value in self.given().items() if name in own}
        return preset_changed(self.preset, changes)


DecoderOf: Any = tagged(
    "model", {name: model.settings for name, model in MODELS.items()}, "topk", own=CustomSettings
)
GeneratorOf: Any = tagged(
    "kind",
    {
        **dict.fromkeys(("relu7", "relu6", "pool5"), PublishedGeneratorSettings),
        "trained": TrainedGeneratorSettings,
    },
)


class StudySettings(Settings):
    """Settings of a study. Cores, memory and queues are in profiles/."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] = Field(
        description="name of the study; results go to results/<study>"
    )
    seed: Seed = Field(0, description="seed of all random numbers")
    subjects: Annotated[Distinct[Subject], Field(min_length=1)] = Field(
        description="subjects, named as in BIDS"
    )
    image_size: int = Field(
        224,
        ge=32,
        le=512,
        description="side of the images that networks see and of the reconstructions, pixels",
    )
    resampling: Literal["area", "bicubic"] = Field(
        "area", description="how images get that size: area averaging, or bicubic as in 2019"
    )
    input: Annotated[
        tagged("kind", INPUTS), Field(description="where the data come from")  # type: ignore[valid-type]
    ]
    sets: dict[Name, SessionLabel | RunSelection] = Field(
        min_length=2,
        description="stimulus set: session label without its number, or session and task; "
        "decoders learn from the set train",
    )
    masks: Annotated[dict[Name, Text | AtlasRegion], Field(min_length=1)] | None = Field(
        None,
        description="region: pattern of mask files, whose union it is, or labels of an atlas; "
        "relative to the BIDS folder, with {subject}; by default "
        "sourcedata/{subject}/anat/{subject}_mask_{LH,RH}_<region>",
    )
    preprocess: PreprocessSettings = Field(
        default=PreprocessSettings(), description="steps from scans to samples"
    )
    rois: dict[Name, Text] = Field(
        min_length=1,
        description="regions made of mask names and of regions above: + or | union, & both, "
        "- without",
    )
    network: NetworkSettings = Field(description="network whose features are decoded")
    decoders: dict[Name, DecoderOf] = Field(
        min_length=1, description="models that predict the units of layers from voxels"
    )
    cross_validation: CrossValidationSettings = Field(CrossValidationSettings())
    methods: dict[Name, MethodSettings] = Field(
        min_length=1, description="ways of reconstruction, side by side"
    )
    generators: dict[Name, GeneratorOf] = Field(
        {}, description="networks that make images from latents, for methods with prior generator"
    )
    compute: Compute = Field(
        default=Compute(),
        description="where and how reconstructions are computed; affects results only by rounding",
    )
    evaluate: EvaluationSettings = Field(EvaluationSettings())
    judge: JudgeSettings | None = Field(
        None, description="human judgement (docs/judgement.md); none if left out"
    )


RENAMED = {
    "preprocess": {"lead_in": "dummy_scan_duration"},
    "evaluate": {"floor": "permuted_control"},
}
"""Keys of earlier versions -> their present names, by section."""


def load_settings(given: Mapping[str, Any]) -> StudySettings:
    """Check the settings of a study and fill in defaults.

    Parameters
    ----------
    given : settings as read from the YAML file

    Raises
    ------
    InputError
        One line for each error: the key, what was found, what was expected.
    """
    renamed = list(_renamed(given))
    if renamed:
        raise InputError("\n".join(renamed))
    settings = settings_of(StudySettings, given)
    errors = list(consistency_errors(settings))
    if errors:
        raise InputError("\n".join(errors))
    return settings


def _renamed(given: Mapping[str, Any]) -> Iterator[str]:
    """Report keys that have been renamed."""
    for section, names in RENAMED.items():
        for old, new in names.items():
            if isinstance(given.get(section), Mapping) and old in given[section]:
                yield f"config: {section}.{old}: this key is called {new!r} now; please rename it"
