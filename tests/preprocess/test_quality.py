import numpy as np

from deeprecon.preprocess.quality import framewise_displacement, temporal_snr


def test_framewise_displacement_adds_translations_and_arcs():
    motion = np.zeros((4, 6)) + 0.5
    motion[1] += [0.1, -0.2, 0.3, 0.001, -0.002, 0.003]
    motion[2] = motion[1]
    motion[3] += [0.1, -0.2, 0.8, 0.001, -0.002, -0.001]
    np.testing.assert_allclose(framewise_displacement(motion), [0, 0.9, 0, 0.7])
    np.testing.assert_allclose(framewise_displacement(motion, radius=80), [0, 1.08, 0, 0.82])


def test_temporal_snr_of_known_noise():
    rng = np.random.default_rng(0)
    data = np.column_stack([500 + 10 * rng.normal(size=20_000), 80 + 4 * rng.normal(size=20_000)])
    np.testing.assert_allclose(temporal_snr(data), [50, 20], rtol=0.03)


def test_temporal_snr_is_mean_over_population_deviation():
    assert temporal_snr([[1.0], [3.0]]) == 2
    np.testing.assert_array_equal(temporal_snr(np.full((7, 2), 0.1)), 0)
