"""Settings of a reconstruction, and named sets of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How images are searched for.

    Attributes
    ----------
    prior : a name in `priors.PRIORS`
    spectral_decay : of the Fourier prior
    n_evaluations : evaluations of the network (each serves a whole batch)
    total_variation : weight of the mean absolute difference of neighbouring pixels (images 0-1)
    """

    prior: str = "fourier"
    spectral_decay: float = 1.0
    n_evaluations: int = 40
    total_variation: float = 0.3


PRESETS: dict[str, Settings] = {"deeprecon": Settings()}
