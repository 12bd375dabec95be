"""Layer names of every network, known without importing torch.

A study with a misspelt layer is refused before the first job, and a dry run stays fast. A test
holds this table equal to the networks themselves.
"""

LAYERS: dict[str, list[str]] = {
    "efficientnet_lite0": ["stem", *(f"b{i}" for i in range(16)), "head"],
}
