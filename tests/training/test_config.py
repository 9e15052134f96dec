"""config: the paper's values, what files and command lines may say, and what they are told."""

import subprocess
import sys
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.errors import UsageError
from videonet.training.config import Config, as_dict, from_dict, load, names, to_toml

CONFIGS = resources.files("videonet.training").joinpath("configs")

# What each ablation changes, of all settings.
ABLATIONS = {
    "vito_one_scale": {"backbone.scales": 1},
    "vito_average_pooling": {"pooling.kind": "average"},
    "vito_crop_from_0.08": {"augmentation.crop_from": 0.08},
    "vito_one_scale_average_pooling": {"backbone.scales": 1, "pooling.kind": "average"},
    "vito_window_1.28": {"views.window_seconds": 1.28},
    "vito_window_3.2": {"views.window_seconds": 3.2},
    "vito_window_5.12": {"views.window_seconds": 5.12},
    "vito_delta": {"views.sampling": "delta"},
    "vito_uniform": {"views.sampling": "uniform"},
    "moclr_resnet50": {
        "method.name": "moclr",
        "views.recipes": ("A1", "A2"),
        "views.sampling": "same",
        "augmentation.crop_from": 0.08,
        "backbone.scales": 1,
        "pooling.kind": "average",
    },
    "vito_swin_s": {
        "backbone.name": "swin_small_patch4_window7_224",
        "optimizer.name": "adamw",
        "optimizer.base_lr": 1.5e-4,
        "optimizer.weight_decay": 0.1,
        "optimizer.warmup_epochs": 40.0,
    },
}


def flat(config):
    return {
        f"{table}.{name}": value
        for table, fields in as_dict(config).items()
        for name, value in fields.items()
    }


def refusal(name_or_path, *settings):
    with pytest.raises(UsageError) as raised:
        load(str(name_or_path), settings)
    message = str(raised.value)
    assert "\n" not in message
    return message


# The configurations that come with the package.


@pytest.mark.parametrize("name", names())
def test_every_configuration_loads_and_begins_with_what_it_is(name):
    assert isinstance(load(name), Config)
    first = CONFIGS.joinpath(f"{name}.toml").read_text().splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith(".")


def test_there_is_a_configuration_for_the_paper_its_baseline_and_each_ablation():
    others = {"vito_tiny", "vivi_resnet50", "vivi_tiny"}
    assert set(names()) == {"vito_resnet50", *others, *ABLATIONS}


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "data.clips_per_video": "one",
        "data.examples_per_epoch": 1_280_000,
        "views.recipes": ("A1", "A2", "A1"),
        "views.sampling": "marginal",
        "views.window_seconds": 2.56,
        "augmentation.size": 224,
        "augmentation.crop_from": 0.4,
        "backbone.name": "resnet50",
        "backbone.scales": 2,
        "pooling.kind": "attention",
        "projector.hidden": 4096,
        "projector.out": 256,
        "loss.temperature": 0.1,
        "loss.negatives": "view",
        "target.momentum": 0.99,
        "optimizer.name": "lars",
        "optimizer.base_lr": 0.3,
        "optimizer.weight_decay": 1e-6,
        "optimizer.trust_coefficient": 1e-3,
        "optimizer.momentum": 0.9,
        "optimizer.warmup_epochs": 10.0,
        "train.epochs": 300.0,
        "train.batch": 4096,
    }.items(),
)
def test_vito_resnet50_is_the_paper(name, value):
    assert flat(load("vito_resnet50"))[name] == value


def test_the_defaults_are_the_paper_and_its_file_spells_out_every_setting():
    assert load("vito_resnet50") == Config()
    written = tomllib.loads(CONFIGS.joinpath("vito_resnet50.toml").read_text())
    assert {table: set(fields) for table, fields in written.items()} == {
        table: set(fields) for table, fields in as_dict(Config()).items()
    }


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_differs_from_the_paper_in_that_alone(name):
    paper = flat(load("vito_resnet50"))
    found = flat(load(name))
    assert {each: found[each] for each in paper if found[each] != paper[each]} == ABLATIONS[name]


def test_vito_tiny_is_small_enough_for_a_cpu_and_is_vito():
    tiny = load("vito_tiny")
    assert 64 <= tiny.augmentation.size <= 96
    assert (tiny.train.device, tiny.train.precision) == ("cpu", "float32")
    assert tiny.train.epochs * tiny.data.examples_per_epoch / tiny.train.batch <= 2_000
    paper = load("vito_resnet50")
    assert (tiny.views, tiny.loss) == (paper.views, paper.loss)
    assert (tiny.pooling.kind, tiny.backbone.scales) == ("attention", 2)


# Settings of the command line.


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("optimizer.base_lr=0.2", 0.2),
        ("optimizer.base_lr = 1", 1.0),
        ("optimizer.base_lr=1e-2", 0.01),
        ("train.batch=1_024", 1024),
        ("train.compile=true", True),
        ("backbone.name=resnet18", "resnet18"),
        ('backbone.name="resnet50.a1_in1k"', "resnet50.a1_in1k"),
        ("data.clips_per_video=all", "all"),
        ('views.recipes=["A2", "A1"]', ("A2", "A1")),
        ("views.window_seconds=10.24", 10.24),
    ],
)
def test_a_setting_changes_that_alone(setting, value):
    name = setting.partition("=")[0].strip()
    found = flat(load("vito_resnet50", [setting]))
    assert found.pop(name) == value
    assert type(value) is type(flat(Config())[name])
    expected = flat(Config())
    del expected[name]
    assert found == expected


def test_the_last_of_several_settings_counts():
    assert load("vito_resnet50", ["train.seed=1", "train.seed=2"]).train.seed == 2


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        # no table
        ("base_lr=0.2", "did you mean optimizer.base_lr?"),
        ("base_rl=0.2", "did you mean optimizer.base_lr?"),
        ("batch_size=64", "did you mean train.batch?"),
        ("hidden=64", "did you mean pooling.hidden or projector.hidden?"),
        # a table that there is not, the wrong one, and a slip in the name
        ("optimiser.base_lr=0.2", "did you mean optimizer.base_lr?"),
        ("train.base_lr=0.2", "did you mean optimizer.base_lr?"),
        ("optimizer.lr=0.2", "did you mean optimizer.base_lr?"),
        ("los.temperature=0.2", "did you mean loss.temperature?"),
        ("views.samplin=delta", "did you mean views.sampling?"),
        ("target.momentun=0.9", "did you mean target.momentum?"),
        ("loss=0.2", "loss is a table; its settings are loss.temperature, loss.negatives."),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest(setting, meant):
    message = refusal("vito_resnet50", setting)
    assert message.startswith("--set: ")
    assert setting.partition("=")[0] in message
    assert message.endswith(meant)


@pytest.mark.parametrize("setting", ["optimizer.base_lr", "=0.2", ""])
def test_a_setting_without_name_or_value_is_refused(setting):
    message = refusal("vito_resnet50", setting)
    assert message == f"--set {setting} is no setting with its value, such as --set " + (
        "optimizer.base_lr=0.2."
    )


@pytest.mark.parametrize("name", ["train.accumulate", "accum_iter", "gradient_accumulation_steps"])
def test_accumulation_is_refused_as_no_larger_batch(name, tmp_path):
    message = refusal("vito_resnet50", f"{name}=4")
    assert name in message
    assert "InfoNCE" in message
    assert "batch norm" in message
    assert message.endswith("use more ranks.")
    file = tmp_path / "mine.toml"
    file.write_text(f"{name} = 4")
    assert refusal(file) == message.replace("--set", str(file))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.batch=many", 'train.batch is "many"; it must be a whole number that is at least 2'),
        ("train.batch=1", "train.batch is 1; it must be a whole number that is at least 2"),
        ("train.batch=64.0", "train.batch is 64.0; it must be a whole number that is at least 2"),
        ("train.epochs=0", "train.epochs is 0; it must be a number that is above 0"),
        ("train.epochs=", 'train.epochs is ""; it must be a number that is above 0'),
        ("train.epochs=true", "train.epochs is true; it must be a number that is above 0"),
        ("train.epochs=inf", "train.epochs is Infinity; it must be a number that is above 0"),
        ("train.compile=1", "train.compile is 1; it must be true or false"),
        ("train.compile=True", 'train.compile is "True"; it must be true or false'),
        ("train.device=gpu", 'train.device is "gpu"; it must be "auto" or "cpu" or "cuda"'),
        ("backbone.scales=3", "backbone.scales is 3; it must be 1 or 2"),
        ("backbone.name=[]", "backbone.name is []; it must be the name of a timm model"),
        ("backbone.name=a b", 'backbone.name is "a b"; it must be the name of a timm model'),
        (
            'views.recipes=["A1"]',
            'views.recipes is ["A1"]; it must be a list of at least 2 of "A1" or "A2", such as '
            '["A1", "A2"]',
        ),
        ("views.recipes=A1", 'views.recipes is "A1"; it must be a list of at least 2 of "A1"'),
        ("optimizer.base_lr=2020-01-01", 'optimizer.base_lr is "2020-01-01"; it must be a number'),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_was_expected(setting, message):
    assert refusal("vito_resnet50", setting).startswith(message)


@pytest.mark.parametrize(
    "setting",
    [
        "data.examples_per_epoch=0",
        "data.held_out=1",
        "data.held_out=-0.1",
        "data.held_out=nan",
        "data.shuffle_shards=0",
        "data.workers=-1",
        "views.delta_seconds=0",
        "views.window_seconds=0",
        "views.window_seconds=10.25",
        "augmentation.crop_from=0",
        "augmentation.crop_from=1.1",
        "augmentation.size=31",
        "backbone.scales=0",
        "pooling.hidden=0",
        "projector.hidden=0",
        "projector.out=0",
        "loss.temperature=0",
        "target.momentum=1",
        "target.momentum=-0.1",
        "optimizer.base_lr=0",
        "optimizer.momentum=1",
        "optimizer.trust_coefficient=0",
        "optimizer.warmup_epochs=-1",
        "optimizer.weight_decay=-1e-6",
        "train.seed=-1",
        "log.every=0",
        "log.checkpoint_every=0",
        "log.keep_last=0",
        "log.picture_every=-1",
    ],
)
def test_a_value_out_of_range_is_refused(setting):
    name = setting.partition("=")[0]
    assert refusal("vito_resnet50", setting).startswith(f"{name} is ")


@pytest.mark.parametrize(
    "setting",
    [
        "data.held_out=0.99",
        "data.workers=0",
        "augmentation.crop_from=1",
        "augmentation.size=32",
        "target.momentum=0",
        "optimizer.momentum=0",
        "optimizer.warmup_epochs=0",
        "optimizer.weight_decay=0",
        "log.keep_every=0",
        "log.picture_every=0",
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(setting):
    name, _, value = setting.partition("=")
    assert flat(load("vito_resnet50", [setting]))[name] == float(value)


# Settings that do not go together.


def test_views_at_a_fixed_distance_must_fit_into_the_window():
    delta = "views.sampling=delta"
    message = refusal("vito_resnet50", delta, "views.delta_seconds=1.28")
    assert message == (
        "3 views that are views.delta_seconds = 1.28 apart span 2.56 s; it must be less than "
        "views.window_seconds = 2.56."
    )
    load("vito_resnet50", [delta, "views.delta_seconds=1.27"])
    load("vito_resnet50", [delta, "views.delta_seconds=2.5", 'views.recipes=["A1", "A2"]'])
    # Other samplings do not use it.
    load("vito_resnet50", ["views.delta_seconds=1.28"])


def test_a_run_must_be_long_enough_for_one_batch():
    short = ["optimizer.warmup_epochs=0", "train.epochs=0.5", "train.batch=100"]
    load("vito_resnet50", [*short, "data.examples_per_epoch=200"])
    message = refusal("vito_resnet50", *short, "data.examples_per_epoch=199")
    assert "99.5 clips, less than one train.batch = 100" in message


def test_the_warm_up_must_end_before_the_run():
    message = refusal("vito_resnet50", "train.epochs=10")
    assert message.startswith("optimizer.warmup_epochs is 10.0; it must be less than train.epochs")
    load("vito_resnet50", ["train.epochs=10.5"])


# Files.


def test_a_file_without_a_base_differs_from_the_defaults_in_what_it_says(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("train.seed = 7\n[backbone]\nname = 'resnet18'\n")
    config = load(str(file))
    assert (config.train.seed, config.backbone.name) == (7, "resnet18")
    assert config == load("vito_resnet50", ["train.seed=7", "backbone.name=resnet18"])


def test_a_file_differs_from_its_base_in_what_it_says_and_settings_from_the_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("base = 'vito_delta'\n[views]\nwindow_seconds = 5\n[train]\nseed = 3\n")
    config = load(str(file), ["train.seed=4"])
    assert config == load("vito_delta", ["views.window_seconds=5", "train.seed=4"])
    assert config.views.sampling == "delta"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[optimizer]\nlr = 0.2",
            "there is no setting optimizer.lr; did you mean optimizer.base_l",
        ),
        ("[optimiser]\nbase_lr = 0.2", "there is no setting optimiser.base_lr; did you mean"),
        ("[optimiser]", "there is no setting optimiser; did you mean"),
        ("batch = 64", "there is no setting batch; did you mean train.batch?"),
        ("train = 64", "train is a table; its settings are train.epochs"),
    ],
)
def test_an_unknown_name_in_a_file_is_refused_with_the_file(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    assert refusal(file).startswith(f"{file}: {message}")


def test_a_file_that_is_no_toml_or_is_not_there_is_refused(tmp_path):
    file = tmp_path / "mine.toml"
    assert refusal(file) == f"The configuration {file} cannot be read: No such file or directory."
    file.write_text("[train]\nseed = one")
    assert refusal(file).startswith(f"The configuration {file} cannot be read: Invalid value (at ")
    file.write_bytes(b"\xff")
    assert refusal(file).startswith(f"The configuration {file} cannot be read: 'utf-8' codec")


def test_a_base_is_the_name_of_a_configuration(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("base = 'vito_resnet5'")
    assert "the nearest is vito_resnet50." in refusal(file)
    file.write_text("base = 'other.toml'")
    assert refusal(file).startswith(f'{file} has base = "other.toml"; it must be one of moclr_res')
    file.write_text("base = 5")
    assert refusal(file).startswith(f"{file} has base = 5; it must be one of moclr_resnet50, ")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("vito_tinny", "vito_tiny"), ("moclr", "moclr_resnet50"), ("../config", None)],
)
def test_an_unknown_configuration_is_refused_with_the_nearest_and_all(name, nearest):
    message = refusal(name)
    assert message.startswith(f"There is no configuration {name}; the nearest is {nearest or ''}")
    assert all(known in message for known in names())


# Back and forth.


def number(least, most):
    return st.floats(least, most, exclude_min=True, exclude_max=True)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "backbone.name": st.from_regex(r"[\w.:/-]+", fullmatch=True),
        "loss.temperature": number(0, 1e300),
        "optimizer.weight_decay": number(0, 1e300),
        "views.window_seconds": number(0, 10.24),
        "views.recipes": st.lists(st.sampled_from(["A1", "A2"]), min_size=2).map(tuple),
        "target.momentum": number(0, 1),
        "train.seed": st.integers(0, 2**63 - 1),
        "train.compile": st.booleans(),
        "data.clips_per_video": st.sampled_from(["one", "all"]),
    },
)


@given(CHANGES)
def test_a_configuration_comes_back_from_its_file_its_dictionary_and_its_settings(
    tmp_path_factory, changes
):
    tables = as_dict(Config())
    for name, value in changes.items():
        table, _, field = name.partition(".")
        tables[table][field] = value
    config = from_dict(tables)
    assert flat(config) == flat(Config()) | changes
    file = tmp_path_factory.getbasetemp() / "round_trip.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load(str(file)) == config
    settings = [line for line in dotted(to_toml(config)) if line.partition(" ")[0] in changes]
    assert len(settings) == len(changes)
    assert load("vito_resnet50", settings) == config


def dotted(toml):
    """Each line of a file of tables with the table's name in front."""
    table = ""
    for line in toml.splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        elif line:
            yield f"{table}.{line}"


def test_a_dictionary_holds_plain_values_and_is_checked_when_it_comes_back():
    tables = as_dict(load("vito_tiny"))
    plain = {str, int, float, bool, tuple}
    assert {type(value) for fields in tables.values() for value in fields.values()} == plain
    assert from_dict(tables) == load("vito_tiny")
    tables["train"]["batch"] = 1
    with pytest.raises(UsageError, match=r"train\.batch is 1; it must be"):
        from_dict(tables)
    tables["train"] = {"bach": 64}
    with pytest.raises(UsageError, match=r"The stored configuration: .* did you mean train\.batch"):
        from_dict(tables)


def test_configurations_are_read_without_pytorch():
    # So that --help and a slip of the pen are answered at once.
    code = "import sys, videonet.training.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
