"""Settings of the simulator (`input.simulate` in the config)."""

from typing import Annotated

from pydantic import Field

from deeprecon.typed import Settings


class Physiology(Settings):
    """How strongly the simulated brain responds, and how noisy the scan is."""

    voxel_size: float = Field(
        default=4.0, ge=2, le=6, description="voxel size of the BOLD runs, mm"
    )
    response: float = Field(
        default=1.5,
        gt=0,
        description="median over voxels of the SD over images, percent signal change",
    )
    silent: float = Field(
        default=0.25, ge=0, le=1, description="fraction of voxels without any response"
    )
    thermal: float = Field(
        default=0.8, ge=0, description="SD of white noise, percent of the mean signal"
    )
    physiological: float = Field(
        default=0.6, ge=0, description="SD of autoregressive noise, percent of the mean signal"
    )
    drift: float = Field(
        default=0.6, ge=0, description="SD of slow drift, percent of the mean signal"
    )
    motion: float = Field(default=0.4, ge=0, description="head motion within a run, mm and degrees")
    imagery: float = Field(
        default=0.6, ge=0, description="response to imagined images, relative to seen images"
    )


class SimulationSettings(Physiology):
    """A simulated study: its runs, its images and its physiology."""

    n_training_images: int = Field(ge=20, description="number of training images")
    runs: dict[str, Annotated[int, Field(ge=1)]] = Field(
        min_length=2,
        description="number of runs of each stimulus set; a test run shows every image once",
        json_schema_extra={"required": ["train"]},
    )
