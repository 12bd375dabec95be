"""Paths of the files between stages: patterns with wildcards below `results/<study>`.

Snakemake replaces `<results>`; `{...}` are wildcards. docs/architecture.md
describes the content of each file.
"""

RESULTS = "<results>"

BIDS_RUN = "<results>/bids/{subject}/{session}/func/{subject}_{session}_task-{task}_run-{number}"
STIMULI = "<results>/stimuli/{set}.tsv"
TRAINING_STIMULI = STIMULI.format(set="train")

BLOCKS = "<results>/preprocess/{subject}/blocks.tsv"
REFERENCE = "<results>/preprocess/{subject}/reference.nii.gz"
T1W = "<results>/preprocess/{subject}/T1w.nii.gz"
T1W_TO_BOLD = "<results>/preprocess/{subject}/t1w_to_bold.txt"
VOXELS = "<results>/preprocess/{subject}/voxels.h5"
RUN = {
    "series": "<results>/preprocess/{subject}/runs/{run}.h5",
    "confounds": "<results>/preprocess/{subject}/runs/{run}_confounds.tsv",
    "quality": "<results>/preprocess/{subject}/runs/{run}_quality.h5",
}
SAMPLES = {
    "samples": "<results>/samples/{subject}.h5",
    "sets": "<results>/samples/{subject}_sets.tsv",
    "rois": "<results>/samples/{subject}_rois.tsv",
    "overlaps": "<results>/samples/{subject}_overlaps.tsv",
}

NETWORK = "<results>/features/{network}"
FEATURES = f"{NETWORK}/{{set}}/{{layer}}.h5"
SAMPLED_UNITS = f"{NETWORK}/{{set}}/sampled_units.h5"
STATISTICS = f"{NETWORK}/statistics.h5"
NETWORK_WEIGHTS = f"{NETWORK}/weights.pt"
GENERATOR = "<results>/generators/{generator}.pt"

REGION = "<results>/decoded/{subject}/{roi}/voxels.h5"
DECODER = "<results>/decoded/{subject}/{roi}/{decoder}"
DECODED = f"{DECODER}/{{set}}/{{layer}}.h5"
CROSS_VALIDATION = f"{DECODER}/cross_validation.tsv"
HALF_DECODED = "<results>/halves/features/{subject}/{roi}/{decoder}/{half}/{set}/{layer}.h5"
MEAN_FEATURES = "<results>/mean/features/{layer}.h5"

TARGET = "{subject}/{roi}/{method}/{set}"
RECON = f"<results>/recon/{TARGET}"
TRUE_FEATURES = "<results>/ceiling/{method}/{set}"
HALF_RECON = "<results>/halves/images/{subject}/{roi}/{method}/{half}/{set}"
MEAN_RECON = "<results>/mean/images/{method}"
BASELINES = f"<results>/baselines/{TARGET}.h5"

ENCODING = "<results>/evaluation/{subject}/{roi}/encoding.h5"
SCORES = "<results>/evaluation/{subject}/{roi}/{method}.tsv"
IMAGE_SCORES = "<results>/evaluation/{subject}/{roi}/images/{method}.tsv"
IMAGE_CHECKS = f"<results>/validity/images/{TARGET}.tsv"
DECODING_CHECKS = "<results>/validity/decoding/{subject}/{roi}/{decoder}.tsv"
RETRAINED_CHECKS = "<results>/validity/retrained/{subject}/{roi}/{decoder}.tsv"
"""Patterns of results: folders of PNG files; the HDF5 file next to a folder has the suffix .h5."""
