"""Decoded features as files that the programs of Kamitani's lab read.

A MATLAB v7.3 file with the array `feat` (1, *unit_shape) for each stimulus, in the layout of
KamitaniLab/feature-decoding and bdpy: `<layer>/<subject>/<roi>/<stimulus>.mat`; beside the layers
`feature_index.mat`, if units were sampled.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deeprecon.decode.mat import AnyPath, write_feature_index, write_mat
from deeprecon.errors import InputError
from deeprecon.features.store import FeatureFile, read_units
from deeprecon.hdf5 import reading


def export_layer(features_file: AnyPath, folder: AnyPath) -> int:
    """Write the decoded features of a layer, a file for each stimulus or sample.

    `<stimulus_id>.mat`, or of single samples `sample<row, six digits, from 1>-<stimulus_id>.mat`,
    with `feat` (1, *unit_shape), or (1, n_units) if units were sampled. Which units those are
    stands in no file here: bdpy would take it for a stimulus. See `export_decoded`.

    Parameters
    ----------
    features_file : as of `deeprecon.decode.stream.decode_layer`
    folder : of the layer, subject and ROI

    Returns
    -------
    number of files

    Raises
    ------
    InputError
        If the file is damaged, or a stimulus id is no name of a file or has two rows, or the folder
        has other MATLAB files; nothing is written then.
    """
    return _write_layer(features_file, Path(folder), _file_names(features_file, Path(folder)))


def _write_layer(features_file: AnyPath, folder: Path, names: list[str]) -> int:
    """Write the rows of a file of features to files of these names; return how many."""
    for name, row in zip(names, _rows(features_file), strict=True):
        write_mat(folder / name, "feat", row[np.newaxis])
    return len(names)


def _rows(features_file: AnyPath) -> Iterator[NDArray[np.float32]]:
    """Rows of a file of features, one in memory at a time."""
    with reading(features_file, "features") as file:
        values = file["features"]
        for i in range(len(values)):
            yield values[i]


def _file_names(features_file: AnyPath, folder: Path) -> list[str]:
    """Names in `folder` for the rows of a file of features; InputError if that cannot be."""
    stimuli = FeatureFile.of(features_file).stimulus_id
    with reading(features_file, "features") as file:
        n_rows, single = len(file["features"]), "repetition" in file
    if n_rows != len(stimuli):
        raise InputError(f"{features_file}: {n_rows} feature rows but {len(stimuli)} stimuli")
    for name in stimuli:
        if name in ("", ".", "..") or "/" in name or os.sep in name:
            raise InputError(f"{features_file}: stimulus id {name!r} cannot be the name of a file")
    if single:
        stimuli = [f"sample{i:06d}-{name}" for i, name in enumerate(stimuli, 1)]
    name, n = Counter(stimuli).most_common(1)[0] if stimuli else ("", 0)
    if n > 1:
        raise InputError(f"{features_file}: {n} rows of stimulus {name!r}, expected one")
    names = [f"{name}.mat" for name in stimuli]
    # Programs read all that is in a folder, also what an export with other stimuli has left.
    others = sorted({path.name for path in folder.glob("*.mat")} - set(names))
    if others:
        raise InputError(
            f"{folder}: found {len(others)} files that are not of this export, such as "
            f"{others[0]}; remove them"
        )
    return names


class _Decoded(NamedTuple):
    """A file of decoded features of a study, by its place in the results."""

    path: Path
    subject: str
    roi: str
    decoder: str
    set: str
    layer: str

    @property
    def folder(self) -> Path:
        """Where its stimuli go, below the output folder."""
        return Path(self.decoder, self.set, self.layer, self.subject, self.roi)


def export_decoded(
    study_folder: AnyPath, output_folder: AnyPath, decoder: str | None = None
) -> int:
    """Write the decoded features of a study as files that bdpy.dataform.DecodedFeatures reads.

    `<decoder>/<set>/<layer>/<subject>/<roi>/<stimulus_id>.mat`, see `export_layer`; and of sampled
    units `<decoder>/<set>/feature_index.mat`, where KamitaniLab/feature-decoding has it.

    Parameters
    ----------
    study_folder : of the study's results, with decoded/{subject}/{roi}/{decoder}/{set}/{layer}.h5
    output_folder : made if missing
    decoder : only this one

    Returns
    -------
    number of files written

    Raises
    ------
    InputError
        If there are no decoded features, or none of this decoder, or a file cannot be exported
        (see `export_layer`), or the sampled units of a layer differ between subjects or ROIs.
    """
    chosen = _chosen(Path(study_folder, "decoded"), decoder)
    output = Path(output_folder)
    # All are looked at before the first file is written.
    plan = [
        (of.path, output / of.folder, _file_names(of.path, output / of.folder)) for of in chosen
    ]
    sampled = _sampled_units(chosen)
    for (name, stimulus_set), units in sampled.items():
        write_feature_index(output / name / stimulus_set / "feature_index.mat", units)
    return len(sampled) + sum(_write_layer(*export) for export in plan)


def _chosen(root: Path, decoder: str | None) -> list[_Decoded]:
    """The files of decoded features in a folder, of one decoder or all."""
    found = []
    for path in sorted(root.glob("*/*/*/*/*.h5")):
        subject, roi, of, stimulus_set, name = path.relative_to(root).parts
        # Weights lie beside the sets; a name with a dot is what a killed job has left.
        if stimulus_set not in ("weights", "cross_validation") and not name.startswith("."):
            layer = name.removesuffix(".h5")
            found.append(_Decoded(path, subject, roi, of, stimulus_set, layer))
    if not found:
        raise InputError(
            f"{root}: no decoded features, expected {{subject}}/{{roi}}/{{decoder}}/{{set}}/"
            "{layer}.h5"
        )
    decoders = sorted({of.decoder for of in found})
    if decoder is not None and decoder not in decoders:
        raise InputError(f"{root}: no decoder {decoder!r}; found {', '.join(decoders)}")
    return [of for of in found if decoder in (None, of.decoder)]


def _sampled_units(chosen: list[_Decoded]) -> dict[tuple[str, str], dict[str, NDArray[np.int64]]]:
    """(decoder, set) -> layer -> units, of files in which units were sampled."""
    sampled: dict[tuple[str, str], dict[str, NDArray[np.int64]]] = defaultdict(dict)
    first: dict[tuple[str, str, str], tuple[Path, bytes | None]] = {}
    for of in chosen:
        units = read_units(of.path)
        places = None if units is None else units.tobytes()
        path, expected = first.setdefault((of.decoder, of.set, of.layer), (of.path, places))
        if places != expected:
            raise InputError(f"{path} and {of.path}: units differ, expected the same in a layer")
        if units is not None:
            sampled[of.decoder, of.set][of.layer] = units
    return dict(sampled)
