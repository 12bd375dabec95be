import re
import sys
from dataclasses import fields
from pathlib import Path

import yaml

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)
from deeprecon.config import checked
from deeprecon.data.download import downloads
from deeprecon.data.fmriprep import fmriprep_command
from deeprecon.errors import InputError
from deeprecon.evaluate.networks import PERCEPTUAL_FILES
from deeprecon.evaluate.published import published
from deeprecon.features.layers import DOWNLOADS
from deeprecon.judge.sent.folder import rating_files
from deeprecon.judge.texts import LANGUAGES
from deeprecon.machine import local_gpus, prepare_jobs
from deeprecon.preprocess.samples import Cleaning
from deeprecon.provenance import code_digest
from deeprecon.report.compare import comparisons
from deeprecon.study import AVERAGE, Study

prepare_jobs(workflow.basedir)


def _study() -> tuple[dict, Study]:
    """Checked settings, and the study that they describe."""
    schema = Path(workflow.basedir, "workflow/schemas/config.schema.yaml")
    try:
        settings = checked(config, yaml.safe_load(schema.read_text()))
        return settings, Study(settings, f"results/{settings['study']}")
    except InputError as error:
        raise WorkflowError(f"{error}") from None


config, study = _study()

FEATURES = f"<results>/features/{config['network']['name']}"


def code(script, *data):
    """Digest of a script and of the project's code that it runs: a parameter of every rule."""
    scripts = Path(workflow.basedir, "workflow/scripts")
    return code_digest(
        scripts / f"{script}.py", *(Path(workflow.basedir, file) for file in data)
    )


# What all pages are filled into.
PAGE_PARTS = ("deeprecon/report/style.css", "deeprecon/report/table.html")
REPORT_PARTS = ("deeprecon/report/page.html", "deeprecon/report/checks.html")
JUDGEMENT_PARTS = ("deeprecon/report/style.css", "deeprecon/report/judgement.html")
TEXTS = [f"deeprecon/judge/texts/{language}.yaml" for language in LANGUAGES]


def brain_settings():
    """Settings of the simulator that are not about which runs there are."""
    settings = config["input"]["simulate"]
    return {
        key: settings[key]
        for key in settings
        if key not in ("runs", "n_training_images")
    }


def place_of_run(wildcards):
    """(set, index, number of runs) of a simulated run."""
    name = f"{wildcards.session}_task-{wildcards.task}_run-{wildcards.number}"
    return study.run_index(wildcards.subject, name)


def run_of(wildcards):
    """The BOLD and events files of a run."""
    return study.runs(wildcards.subject)[wildcards.run]


def first_run(wildcards):
    """The run whose mean is the reference of motion correction."""
    return next(iter(study.runs(wildcards.subject).values()))


def of_runs(wildcards, pattern):
    """A file of each run of a subject."""
    return [
        pattern.format(subject=wildcards.subject, run=name)
        for name in study.runs(wildcards.subject)
    ]


def events_of_runs(wildcards):
    """Events file of each run of a subject."""
    return [str(run.events) for run in study.runs(wildcards.subject).values()]


def scans_of_runs(wildcards):
    """Raw scan of each run, whose length events must fit; fMRIPrep's users may not have them."""
    if study.kind == "fmriprep":
        return []
    return [str(run.bold) for run in study.runs(wildcards.subject).values()]


def sidecars_of_runs(wildcards):
    """JSON files that describe the raw scans."""
    if study.kind == "fmriprep":
        return []
    runs = study.runs(wildcards.subject).values()
    found = [str(file) for run in runs for file in study.source.sidecars(run)]
    return list(dict.fromkeys(found))


def sets_of_runs(wildcards):
    """Stimulus set of each run of a subject."""
    return [study.set_of(run) for run in study.runs(wildcards.subject).values()]


def paths(files):
    """Files as Snakemake takes them."""
    return [str(file) for file in files]


def inplane_of_reference(wildcards):
    """The in-plane T2 image between BOLD and T1w, if the settings ask for it."""
    if config["preprocess"]["coregistration"] != "inplane":
        return []
    return str(study.source.inplane(first_run(wildcards)))


def fmriprep_inputs(run):
    """Files of a run by fMRIPrep."""
    return paths(study.source.inputs(run))


def container_command():
    """How fMRIPrep is run for a subject; Snakemake fills in subject, threads and memory."""
    given = config["input"]["run_fmriprep"]
    return fmriprep_command(
        engine=given["engine"],
        image=given["image"],
        bids=config["input"]["bids"],
        output=f"results/{config['study']}/fmriprep",
        work=given["work"],
        license=given["license"],
        subject="{wildcards.subject}",
        space=config["input"]["space"],
        threads="{threads}",
        mem_mb="{resources.mem_mb}",
        extra=given["extra"],
    )


def mask_files(subject):
    """(region, file, labels) of every mask or atlas that a region is read from."""
    return [
        (name, str(file.path), list(file.labels))
        for name, files in study.source.masks(subject).items()
        for file in files
    ]


def if_bold_grid(file):
    """A file that is needed only to carry masks to the grid of the scans."""
    return file if config["preprocess"]["voxel_grid"] == "bold" else []


def cleaning_settings():
    """The steps after motion correction, as deeprecon.preprocess.samples.Cleaning has them."""
    steps = fields(Cleaning)
    return {step.name: config["preprocess"][step.name] for step in steps}


def drawn_t1w(wildcards):
    """The T1w image that quality is drawn on."""
    if study.kind == "fmriprep":
        return f"<results>/preprocess/{wildcards.subject}/T1w.nii.gz"
    return str(study.source.anatomy(wildcards.subject))


def quality_pages():
    """A page of quality for each subject, where there are scans."""
    if study.kind in ("bdata", "decoded"):
        return []
    return expand("<results>/report/quality_{subject}.html", subject=study.subjects)


def decoded_files(wildcards):
    """(set, layer) of every file of features that a decoder makes in an ROI."""
    return [
        (name, layer)
        for layer in study.layers_of(wildcards.roi, wildcards.decoder)
        for name in study.test_sets
    ]


def chosen_settings(wildcards):
    """The table of cross-validation, where it chooses a decoder's settings."""
    if not study.is_tuned(wildcards.decoder):
        return []
    return f"{DECODED}/cross_validation.tsv".format(**wildcards)


def model_settings(wildcards):
    """Settings that a decoder's results depend on."""
    settings = study.decoders[wildcards.decoder]
    return {key: settings[key] for key in settings if key not in ("rois", "layers")}


def decoders_that(condition):
    """Pattern of the names of the decoders whose settings fulfil a condition."""
    names = [name for name, given in study.decoders.items() if condition(given)]
    return "|".join(names) or "(?!)"


def of_decoders(file, trained=False):
    """A file of every decoder, or of those trained here, in every ROI of every subject."""
    return [
        f"<results>/decoded/{subject}/{roi}/{decoder}/{file}"
        for subject in study.subjects
        for roi, decoder in study.decoded()
        if study.is_trained(decoder) or not trained
    ]


def of_regions(file):
    """A file of every ROI of every subject in which a decoder is trained."""
    rois = dict.fromkeys(roi for roi, name in study.decoded() if study.is_trained(name))
    return expand(
        f"<results>/decoded/{{subject}}/{{roi}}/{file}",
        subject=study.subjects,
        roi=list(rois),
    )


def of_samples(file):
    """A table about the samples of each subject, where there are brain data."""
    return (
        []
        if study.kind == "decoded"
        else expand(f"<results>/samples/{{subject}}_{file}", subject=study.subjects)
    )


def models_in(wildcards):
    """Models of the decoders in an ROI, and the voxels that their units use."""
    wanted = ("model", "n_voxels")
    return [
        {key: value for key, value in study.decoders[decoder].items() if key in wanted}
        for roi, decoder in study.decoded()
        if roi == wildcards.roi and study.is_trained(decoder)
    ]


def image_settings():
    """How stimuli become the images that networks see and scores compare."""
    return {"size": config["image_size"], "resampling": config["resampling"]}


def network_source():
    """The file of weights of the study's network, the user's or a downloaded one."""
    name, given = config["network"]["name"], config["network"].get("weights")
    if given is None and DOWNLOADS.get(name):
        return f"downloads/{downloads()[DOWNLOADS[name]].file}"
    return [] if given in (None, "random") else given


def network_weights():
    """The torch file of the network's weights, if it does not come with a package."""
    return f"{FEATURES}/weights.pt" if network_source() else []


def generators_that(condition):
    """Pattern of the names of the generators whose settings fulfil a condition."""
    names = [name for name, given in config["generators"].items() if condition(given)]
    return "|".join(names) or "(?!)"


def generator_source(name):
    """The file of weights of a published generator."""
    given = config["generators"][name]
    return given.get("weights", f"downloads/{downloads()['generators'].file}")


def latent_bounds(name):
    """The file of upper bounds of a published generator's latents, if one is to be read."""
    given = config["generators"][name]
    upper = given.get("upper", f"{given['kind']}_upper")
    if isinstance(upper, str) and upper in downloads():
        return f"downloads/{downloads()[upper].file}"
    return upper if isinstance(upper, str) and "upper" in given else []


def generator_of(wildcards):
    """The generator of a method, if its prior is one."""
    name = study.methods[wildcards.method].get("generator")
    return f"<results>/generators/{name}.pt" if name else []


def target_files(wildcards):
    """Decoded features of a method's layers, of a subject or averaged over subjects."""
    method = study.methods[wildcards.method]
    who = "average" if wildcards.subject == AVERAGE else wildcards.subject
    folder = f"<results>/decoded/{who}/{wildcards.roi}/{method['decoder']}"
    return [f"{folder}/{wildcards.set}/{layer}.h5" for layer in method["layers"]]


HALVES = (1, 2)  # odd and even presentations


def half_targets(wildcards):
    """Decoded features of a method's layers, from half of the repetitions."""
    method = study.methods[wildcards.method]
    folder = f"<results>/halves/features/{wildcards.subject}/{wildcards.roi}"
    where = f"{folder}/{method['decoder']}/{wildcards.half}/{wildcards.set}"
    return [f"{where}/{layer}.h5" for layer in method["layers"]]


def halved_sets(wildcards):
    """Sets of a method of which halves of the repetitions are reconstructed too."""
    asked = wildcards.method in config["evaluate"]["split_half"]
    each = wildcards.subject != AVERAGE
    return study.methods[wildcards.method]["sets"] if asked and each else []


def half_pictures(wildcards, half):
    """Reconstructions from half of the repetitions, a file a set."""
    place = f"{wildcards.subject}/{wildcards.roi}/{wildcards.method}"
    return [
        f"<results>/halves/images/{place}/{half}/{name}.h5"
        for name in halved_sets(wildcards)
    ]


def layer_accuracies(wildcards):
    """Tables of cross-validation of a method's decoder, if layers are weighted by it."""
    method = study.methods[wildcards.method]
    if method["settings"]["layer_weights"] != "accuracy":
        return []
    who = study.subjects if wildcards.subject == AVERAGE else [wildcards.subject]
    return expand(
        f"<results>/decoded/{{subject}}/{wildcards.roi}/{method['decoder']}/cross_validation.tsv",
        subject=who,
    )


def search_settings(wildcards):
    """Settings of a method that the search for an image depends on."""
    method = study.methods[wildcards.method]
    return {key: method[key] for key in ("layers", "seed", "settings")}


def reconstruction_memory():
    """MB for a reconstruction job: large images in a large network need the most."""
    return 4000 if config["image_size"] < 200 else 16000


def floor_files(wildcards):
    """Stimulus set -> control reconstructions that stand beside those of a method."""
    sets = study.methods[wildcards.method]["sets"]
    controls = {name: study.floor(wildcards.subject, name) for name in sets}
    return {
        name: f"<results>/recon/{control.subject}/{control.roi}/{control.method}/{name}.h5"
        for name, control in controls.items()
        if control is not None
    }


def ceiling_files(wildcards):
    """Stimulus set -> reconstructions from true features with the settings of a method."""
    method = wildcards.method
    if study.is_floor(method):
        return {}
    return {
        name: f"<results>/ceiling/{method}/{name}.h5"
        for name in study.methods[method]["sets"]
    }


def mean_features_file(wildcards):
    """The reconstruction from mean features, for losses that can be taken of them."""
    settings = study.methods[wildcards.method]["settings"]
    if settings["prior"] == "command" or settings["loss"] not in ("squared", "dists"):
        return []
    return f"<results>/mean/images/{wildcards.method}.h5"


def of_brain(wildcards, file):
    """A file about the voxels of a region, where one subject's are at hand."""
    trained = [roi for roi, decoder in study.decoded() if study.is_trained(decoder)]
    if wildcards.subject == AVERAGE or wildcards.roi not in trained:
        return []
    return file.format(**wildcards)


def perceptual_files():
    """Weights of networks that score, as far as they are there."""
    files = [PERCEPTUAL_FILES[name] for name in config["evaluate"]["perceptual"]]
    found = [Path(config["evaluate"]["weights"], file) for file in dict.fromkeys(files)]
    return [str(file) for file in found if file.exists()]


def blocks_of_scans():
    """The blocks of each subject, with ratings of imagery, where there are scans."""
    if study.kind in ("bdata", "decoded"):
        return []
    return expand("<results>/preprocess/{subject}/blocks.tsv", subject=study.subjects)


def retrained(file):
    """A file of every decoder that is trained anew, if the settings ask for it."""
    if not config["evaluate"]["retrain"]:
        return []
    return [
        file.format(subject=subject, roi=roi, decoder=decoder)
        for subject in study.subjects
        for roi, decoder in study.decoded()
        if study.is_trained(decoder) and not study.decoders[decoder]["permute_labels"]
    ]


def check_files():
    """Tables of checks of all parts of the study."""
    files = ["<results>/validity/stimuli.tsv"]
    for subject in study.subjects:
        for roi, decoder in study.decoded():
            if study.is_trained(decoder):
                files.append(
                    f"<results>/validity/decoding/{subject}/{roi}/{decoder}.tsv"
                )
    files += retrained("<results>/validity/retrained/{subject}/{roi}/{decoder}.tsv")
    files += [
        f"<results>/validity/images/{t.subject}/{t.roi}/{t.method}/{t.set}.tsv"
        for t in study.targets()
        if not study.is_floor(t.method)
    ]
    return files


def of_targets(file):
    """A file of each method in each region of each subject."""
    return list(
        dict.fromkeys(
            f"<results>/evaluation/{t.subject}/{t.roi}/{file.format(method=t.method)}"
            for t in study.targets()
        )
    )


def judged():
    """'subject/roi/method/set' of the reconstructions that are judged in some task."""
    tasks = config["judge"]["tasks"]
    return [
        f"{target.subject}/{target.roi}/{target.method}/{target.set}"
        for target in study.targets()
        if any(
            target.method in task["methods"]
            and target.roi in task["rois"]
            and target.set in task.get("sets", [target.set])
            for task in tasks
        )
    ]


def own_texts():
    """A laboratory's own words for the page, if they are not in one of our languages."""
    language = config["judge"]["language"]
    return [] if language in LANGUAGES else language


def ratings_folder():
    """Where a laboratory puts the files that raters sent."""
    default = f"results/{config['study']}/judge/ratings"
    return config["judge"].get("ratings", default)


def sent_files(wildcards=None):
    """The files that raters sent: whatever comes or goes here makes the analysis run again."""
    found = rating_files(ratings_folder())
    return [str(file) for file in found if file.is_file() and not file.is_symlink()]


def shown_sets():
    """Stimulus sets that some method reconstructs."""
    return [
        name for name in study.test_sets if any(t.set == name for t in study.targets())
    ]


def gallery_rows(name):
    """(label, method, path without suffix) of each kind of picture of a set; ceilings first."""
    targets = [target for target in study.targets() if target.set == name]
    methods = dict.fromkeys(t.method for t in targets if not study.is_floor(t.method))
    ceilings = [
        ("true features", method, f"<results>/ceiling/{method}/{name}")
        for method in methods
    ]
    return ceilings + [
        (f"{t.subject} {t.roi}", t.method, recon_path(t)) for t in targets
    ]


def recon_path(target):
    """Where the reconstructions of a target are, without suffix."""
    return f"<results>/recon/{target.subject}/{target.roi}/{target.method}/{target.set}"


def comparison_rows(name):
    """(title, [(label, path of reconstructions)]) of each comparison of a set."""
    found = comparisons(study.methods, study.targets(), name)
    return [
        (one.title, [(label, f"{recon_path(t)}.h5") for label, t in one.rows])
        for one in found
    ]


def compared_sets():
    """Sets in which there is something to compare."""
    return [name for name in shown_sets() if comparison_rows(name)]


def final_files():
    """What a finished study has."""
    files = ["<results>/report/index.html", "<results>/evaluation/scores.tsv"]
    if "judge" in config:
        files += ["<results>/judge/index.html", "<results>/report/judgement.html"]
    return files + (
        ["<results>/bids/dataset_description.json"] if study.simulated else []
    )


def closing_words():
    """What was made and which file to open."""
    folder = Path("results", config["study"])
    if not Path(folder, "report/index.html").is_file():
        return ""  # some files of the study were asked for, not all
    images = len(list(folder.glob("recon/*/*/*/*/*.png")))
    words = [
        "",
        f"Study '{config['study']}' is complete: {images} reconstructed images.",
        f"  open {folder}/report/index.html    all pictures, scores, floors and ceilings",
        f"       {folder}/evaluation/scores.tsv    every score as a table",
    ]
    if "judge" in config:
        words.append(
            f"       {folder}/judge/index.html    the page for human judgement"
        )
        words.append(
            f"       {folder}/report/judgement.html    who judged what, and how"
        )
    if study.simulated:
        words.append(
            "All brain data of this study are simulated; no person was scanned."
        )
    return "\n".join(words)
