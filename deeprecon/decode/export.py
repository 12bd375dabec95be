"""Export of decoded features to files for the programs of the Kamitani lab.

A MATLAB v7.3 file with the array `feat` (1, *unit_shape) for each stimulus, in the layout of
KamitaniLab/feature-decoding and bdpy: `<layer>/<subject>/<roi>/<stimulus>.mat`. If units were
sampled, `feature_index.mat` is next to the layers.
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
    """Write the decoded features of a layer, one file for each stimulus or sample.

    Files are named `<stimulus_id>.mat`, or for single samples
    `sample<row, six digits, from 1>-<stimulus_id>.mat`. They contain `feat` (1, *unit_shape), or
    (1, n_units) if units were sampled. The indices of sampled units are not in this folder, where
    bdpy would read them as a stimulus; see `export_decoded`.

    Parameters
    ----------
    features_file : HDF5 file, see `deeprecon.decode.stream.decode_layer`
    folder : folder of the layer, subject and ROI

    Returns
    -------
    number of files

    Raises
    ------
    InputError
        If the file is damaged, if a stimulus id cannot be a file name or has two rows, or if the
        folder has other MATLAB files. Nothing is written then.
    """
    return _write_layer(features_file, Path(folder), _file_names(features_file, Path(folder)))


def _write_layer(features_file: AnyPath, folder: Path, names: list[str]) -> int:
    """Write each row of a feature file to the file with its name; return their number."""
    for name, row in zip(names, _rows(features_file), strict=True):
        write_mat(folder / name, "feat", row[np.newaxis])
    return len(names)


def _rows(features_file: AnyPath) -> Iterator[NDArray[np.float32]]:
    """Rows of a feature file, one in memory at a time."""
    with reading(features_file, "features") as file:
        values = file["features"]
        for i in range(len(values)):
            yield values[i]


def _file_names(features_file: AnyPath, folder: Path) -> list[str]:
    """Names in `folder` for the rows of a feature file; InputError if they are not possible."""
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
    # Programs read all files of a folder, including those of an earlier export.
    others = sorted({path.name for path in folder.glob("*.mat")} - set(names))
    if others:
        raise InputError(
            f"{folder}: found {len(others)} files that are not of this export, such as "
            f"{others[0]}; remove them"
        )
    return names


class _Decoded(NamedTuple):
    """A study's file of decoded features, and the parts of its path."""

    path: Path
    subject: str
    roi: str
    decoder: str
    set: str
    layer: str

    @property
    def folder(self) -> Path:
        """Folder of its stimuli, relative to the output folder."""
        return Path(self.decoder, self.set, self.layer, self.subject, self.roi)


def export_decoded(
    study_folder: AnyPath, output_folder: AnyPath, decoder: str | None = None
) -> int:
    """Write the decoded features of a study as files that bdpy.dataform.DecodedFeatures reads.

    The files are `<decoder>/<set>/<layer>/<subject>/<roi>/<stimulus_id>.mat`, see `export_layer`.
    If units were sampled, `<decoder>/<set>/feature_index.mat` has their indices.

    Parameters
    ----------
    study_folder : results of a study, with decoded/{subject}/{roi}/{decoder}/{set}/{layer}.h5
    output_folder : folder to write to, created if missing
    decoder : export only this decoder

    Returns
    -------
    number of files written

    Raises
    ------
    InputError
        If there are no decoded features (of this decoder), if a file cannot be exported (see
        `export_layer`), or if the sampled units of a layer differ between subjects or ROIs.
    """
    chosen = _chosen(Path(study_folder, "decoded"), decoder)
    output = Path(output_folder)
    # All files are checked before the first one is written.
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
        # The folder also has weights, and killed jobs leave files with a leading dot.
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
    """(decoder, set) -> layer -> units, for files in which units were sampled."""
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
