"""Make fastl2lir.npz: what fastl2lir 0.11 answers to seeded data.

Run by hand in an environment of its own: the program fails with NumPy 2.4 and later.

    python3 -m venv /tmp/fl
    /tmp/fl/bin/pip install 'numpy<2.3' fastl2lir==0.11
    /tmp/fl/bin/python tests/decode/data/make_fastl2lir.py
"""

from pathlib import Path

import numpy as np

N_STIMULI, REPEATS, V, UNITS, SOURCES = 20, 3, 90, 24, 6


def inputs():
    """Voxels X (60, 90), features F (20, 24) and the row of F for each row of X."""
    rng = np.random.default_rng(20190114)
    index = np.repeat(np.arange(N_STIMULI), REPEATS)[rng.permutation(N_STIMULI * REPEATS)]
    sources = rng.standard_normal((N_STIMULI, SOURCES))
    features = sources @ rng.standard_normal((SOURCES, UNITS)) + rng.standard_normal(UNITS)
    voxels = (sources @ rng.standard_normal((SOURCES, V)))[index]
    voxels += 1.5 * rng.standard_normal(voxels.shape)
    voxels = voxels * rng.uniform(0.3, 1.5, V) + rng.normal(0, 2, V)  # not centred, not scaled
    voxels[:, 7] = 3.0  # constant
    voxels[:, 11] = 2e-5 * features[index, 0]  # best of all for unit 0, but of variance < 1e-8
    voxels[:, 13] = 2e-3 * features[index, 0]  # the same above 1e-8: must be used
    # float32, so that both precisions start from the same numbers
    return voxels.astype(np.float32), features.astype(np.float32), index.astype(np.int8)


def fit(X, Y, alpha, n_feat):
    """Weights (voxels, units) and biases (units,) of one float64 fit."""
    from fastl2lir import FastL2LiR

    model = FastL2LiR()
    model.fit(X.astype(np.float64), Y.astype(np.float64), alpha=alpha, n_feat=n_feat)
    return model.W, model.b[0]


def main():
    """Write the inputs and the answers beside this file."""
    X, F, index = inputs()
    Y = F[index]
    answers = {
        "top20_alpha1": fit(X, Y, 1, 20),
        "top20_alpha100": fit(X, Y, 100, 20),
        "top70_alpha1": fit(X, Y, 1, 70),  # of 90: few are left out
        "top70_alpha100": fit(X, Y, 100, 70),
        "wide_alpha1": fit(X, Y, 1, 0),  # 90 voxels, 60 rows: its dual form
        "wide_alpha100": fit(X, Y, 100, 0),
        "tall_alpha100": fit(X[:, :40], Y, 100, 0),  # 40 voxels: its primal form
        "constant_alpha100": fit(X, np.full((len(X), 1), 2.5), 100, 0),
    }
    arrays = {"X": X, "F": F, "index": index}
    for name, (weights, bias) in answers.items():
        arrays[f"{name}_W"], arrays[f"{name}_b"] = weights, bias
    np.savez_compressed(Path(__file__).with_name("fastl2lir.npz"), **arrays)


if __name__ == "__main__":
    main()
