"""The reconstructions that a figure shows, their order and their labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deeprecon.study.plan import Method, Study
from deeprecon.targets import Target


@dataclass(frozen=True)
class Row:
    """Reconstructions of a set, as one row of a figure.

    Attributes
    ----------
    label : text, such as "sub-01 VC" or "true features"
    method : name of the method
    file : file of the reconstructions, in the folder of the study's results
    """

    label: str
    method: str
    file: str


@dataclass(frozen=True)
class Block:
    """A heading above some rows.

    Attributes
    ----------
    heading : text; "{n}" stands for the number of images
    rows : rows from top to bottom
    """

    heading: str
    rows: list[Row]


@dataclass(frozen=True)
class Comparison:
    """Reconstructions of one stimulus set that differ in one respect.

    Attributes
    ----------
    title : heading of the comparison
    rows : (label, reconstructions)
    """

    title: str
    rows: list[tuple[str, Target]]


def shown_sets(study: Study) -> list[str]:
    """Stimulus sets that at least one method reconstructs."""
    reconstructed = {target.set for target in study.targets()}
    return [name for name in study.test_sets if name in reconstructed]


def compared_sets(study: Study) -> list[str]:
    """Stimulus sets with at least one comparison."""
    return [name for name in shown_sets(study) if comparison_blocks(study, name)]


def shown_as(study: Study, stimuli: str) -> str:
    """Whether the images of a set were "presented" or "imagined"."""
    return "imagined" if study.imagined(stimuli) else "presented"


def labels_of(blocks: Sequence[Block]) -> list[tuple[str, list[str]]]:
    """(heading, labels of the rows) of each block."""
    return [(block.heading, [row.label for row in block.rows]) for block in blocks]


def gallery_rows(study: Study, stimuli: str) -> list[Row]:
    """All reconstructions of a stimulus set; those from true features come first."""
    targets = [target for target in study.targets() if target.set == stimuli]
    methods = dict.fromkeys(t.method for t in targets if not study.is_control(t.method))
    return [
        Row("true features", method, f"ceiling/{method}/{stimuli}.h5") for method in methods
    ] + [Row(f"{t.subject} {t.roi}", t.method, _file(t)) for t in targets]


def gallery_blocks(study: Study, stimuli: str) -> list[Block]:
    """The gallery of a stimulus set: one block of all its reconstructions."""
    rows = [
        Row(f"{row.label}, {row.method}", row.method, row.file)
        for row in gallery_rows(study, stimuli)
    ]
    return [Block(f"{stimuli}: all {{n}} images, {_data(study)}", rows)]


def comparison_blocks(study: Study, stimuli: str) -> list[Block]:
    """One block for each comparison of a stimulus set."""
    return [
        Block(
            f"{stimuli}, {comparison.title} ({_data(study)})",
            [Row(label, target.method, _file(target)) for label, target in comparison.rows],
        )
        for comparison in comparisons(study.methods, study.targets(), stimuli)
    ]


def comparisons(
    methods: Mapping[str, Method], targets: Sequence[Target], stimuli: str
) -> list[Comparison]:
    """Find the comparisons of one stimulus set, for each subject.

    Parameters
    ----------
    methods : methods of the study
    targets : all reconstructions of the study
    stimuli : name of the stimulus set

    Returns
    -------
    comparisons of two or more reconstructions
    """
    of_set = [target for target in targets if target.set == stimuli]
    found = []
    for subject in dict.fromkeys(target.subject for target in of_set):
        own = [target for target in of_set if target.subject == subject]
        for method in dict.fromkeys(target.method for target in own):
            rows = [(t.roi, t) for t in own if t.method == method]
            found.append(Comparison(f"{subject}, {method}: regions", rows))
        for roi in dict.fromkeys(target.roi for target in own):
            here = [target for target in own if target.roi == roi]
            for alike in _differ_in_layers(methods, [target.method for target in here]):
                rows = [(t.method, t) for t in here if t.method in alike]
                found.append(Comparison(f"{subject}, {roi}: layers", rows))
    return [comparison for comparison in found if len(comparison.rows) > 1]


def _differ_in_layers(methods: Mapping[str, Method], names: Sequence[str]) -> list[list[str]]:
    """Group methods whose settings differ only in layers, regions and sets."""
    groups: dict[str, list[str]] = {}
    for name in names:
        method = methods[name]
        key = str([method.decoder, method.generator, method.seed, method.search])
        groups.setdefault(key, []).append(name)
    return list(groups.values())


def _file(target: Target) -> str:
    """File of a target's reconstructions, in the folder of the study's results."""
    return f"recon/{target.subject}/{target.roi}/{target.method}/{target.set}.h5"


def _data(study: Study) -> str:
    """Source of the reconstructions, for headings."""
    return "simulated brain data" if study.simulated else "brain data"
