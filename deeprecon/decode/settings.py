"""Defaults of the settings of decoders that cross-validation can choose."""

from typing import Any

from deeprecon.decode.registry import MODELS, tuned_defaults

DEFAULTS: dict[str, dict[str, Any]] = {
    name: tuned_defaults(name) for name, model in MODELS.items() if model.is_trained
}
