"""Which reconstructions belong side by side: the regions of a method, and layers of one kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deeprecon.study import Target


@dataclass(frozen=True)
class Comparison:
    """Reconstructions of one set that differ in one respect.

    Attributes
    ----------
    name : part of a file's name
    title : what is compared
    rows : (label, reconstructions)
    """

    name: str
    title: str
    rows: list[tuple[str, Target]]


def comparisons(
    methods: Mapping[str, Any], targets: Sequence[Target], stimuli: str
) -> list[Comparison]:
    """All comparisons of one stimulus set, for each subject.

    Parameters
    ----------
    methods : of the study
    targets : all its reconstructions
    stimuli : the set
    """
    of_set = [target for target in targets if target.set == stimuli]
    found = []
    for subject in dict.fromkeys(target.subject for target in of_set):
        own = [target for target in of_set if target.subject == subject]
        for method in dict.fromkeys(target.method for target in own):
            rows = [(t.roi, t) for t in own if t.method == method]
            title = f"{subject}, {method}: regions"
            found.append(Comparison(f"rois_{subject}_{method}", title, rows))
        for roi in dict.fromkeys(target.roi for target in own):
            here = [target for target in own if target.roi == roi]
            for alike in _differ_in_layers(methods, [target.method for target in here]):
                rows = [(t.method, t) for t in here if t.method in alike]
                title = f"{subject}, {roi}: layers"
                found.append(Comparison(f"layers_{subject}_{roi}_{alike[0]}", title, rows))
    return [comparison for comparison in found if len(comparison.rows) > 1]


def _differ_in_layers(methods: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    """Groups of methods that are the same but for the layers (and where they are used)."""
    groups: dict[str, list[str]] = {}
    for name in names:
        same = ("decoder", "generator", "seed", "settings")
        key = str([methods[name].get(part) for part in same])
        groups.setdefault(key, []).append(name)
    return list(groups.values())
