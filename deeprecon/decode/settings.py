"""Settings of the decoders that are trained here; light, as each start of the workflow reads it."""

from typing import Any

# Of each model the settings that may be lists, among which cross-validation chooses, and what they
# are if not given.
DEFAULTS: dict[str, dict[str, Any]] = {
    "topk": {"n_voxels": 500, "alpha": 100.0},
    "sparse": {"n_voxels": 500},
    "shared": {"tiles": 8, "power": 1.0, "alpha": 3.0},
}
