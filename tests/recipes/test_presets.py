import pytest

from bach_tf.codecs import MelodyCodec, SatbCodec
from bach_tf.corpora import CORPORA
from bach_tf.recipes import PRESETS, Preset, changed, on_corpus, override

GRU = PRESETS["gru"]


def test_override_replaces_settings_of_the_preset_and_of_the_model():
    preset = override(GRU, ["model.units=64", "window=96", "learning_rate=1", "transpose=(-2, 3)"])
    assert preset.model.settings["units"] == 64
    assert preset.music.window == 96
    assert preset.training.learning_rate == 1.0
    assert isinstance(preset.training.learning_rate, float)
    assert preset.music.transpose == (-2, 3)
    assert preset.model.settings["layers"] == GRU.model.settings["layers"]


def test_override_leaves_the_preset_as_it_was():
    before = GRU.to_config()
    override(GRU, ["model.units=64", "window=96"])
    assert GRU.to_config() == before


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("window", "Expected NAME=VALUE, got 'window'"),
        ("windows=3", "Unknown setting 'windows'. Choose from: .*window.* Did you mean 'window'?"),
        ("model.unit=3", "Unknown setting 'model.unit'. Choose from: .*units"),
        ("model=3", "Unknown setting 'model'"),
        ("window=wide", "`window` must be a whole number in 1..100000. Received: 'wide'"),
        ("window=2.5", "`window` must be a whole number"),
        ("window=16", "`stride` must be at most `window`.* Received: stride=32, window=16"),
        ("model.layer_norm=1", "`model.layer_norm` must be True or False. Received: 1"),
        ("encoding.rhythms=1", "Unknown setting 'encoding.rhythms'"),
        ("split=bars", "Unknown split 'bars'. Choose from: pieces, windows."),
        ("optimizer=adma", "Unknown optimizer 'adma'. .* Did you mean 'adam'?"),
        ("schedule=cosin", "Unknown schedule 'cosin'. .* Did you mean 'cosine'?"),
        ("context=1", "`context` must be a whole number in 2..100000 or None. Received: 1"),
        ("context=abc", "`context` must be a whole number in 2..100000 or None. Received: 'abc'"),
        ("evaluation_batch=0", "`evaluation_batch` must be a whole number in 1..4096"),
        ("epochs=0", "`epochs` must be a whole number in 1..100000. Received: 0"),
        ("epochs=None", "`epochs` must be a whole number in 1..100000. Received: None"),
        ("warmup_epochs=-1", "`warmup_epochs` must be a whole number in 0..100000. Received: -1"),
        ("learning_rate=-1", "`learning_rate` must be a number in 1e-12..100. Received: -1"),
        ("learning_rate=1e999", "`learning_rate` must be a number in 1e-12..100. Received: inf"),
        ("clip_norm=-1", "`clip_norm` must be a number in 1e-06"),
        ("average=1", r"`average` must be a number in 0..1 \(1 excluded\). Received: 1"),
        ("transpose=(0,)", r"`transpose` must be a pair: .* Received: \(0,\)"),
        ("transpose=(3, -3)", "`transpose` must be a pair"),
        ("program=200", "`program` must be a whole number in 0..127. Received: 200"),
        ("temperature=-1.0", "`temperature` must be a number in 0..100. Received: -1.0"),
        ("tempo_qpm=0", "`tempo_qpm` must be a number in 4..1000. Received: 0"),
        ("model.units=0", "`model.units` must be a whole number in 1..8192 or None. Received: 0"),
        ("model.layers=-1", "`model.layers` must be a whole number in 1..64. Received: -1"),
        ("architecture=transformer", "has no settings input_dropout, .* --model transformer"),
        ("batch_size=5000", "`batch_size` must be"),
        ("window=100_000", "`batch_size` times `window` must be at most 4194304"),
        ("bfloat16=" + "(" * 5000, "`bfloat16` must be True or False"),
        ("corpus=" + "j" * 600_000, "Unknown corpus 'j"),
    ],
)
def test_override_refuses(assignment, message):
    batches = ["batch_size=4096"] if assignment == "window=100_000" else []
    with pytest.raises(ValueError, match=message) as error:
        override(GRU, [assignment, *batches])
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("name", "assignments"),
    [
        ("gru", ["model.units=8192", "model.layers=5"]),
        ("folk", ["model.dense=[8192, 8192, 8192, 8192]"]),
        ("wavenet", ["model.kernel_size=64", "model.filters=[2048, 2048]"]),
        ("chorale", ["model.decoder=8192", "model.layers=64"]),
    ],
)
def test_a_model_larger_than_any_memory_is_refused_before_it_is_made(name, assignments):
    with pytest.raises(ValueError, match=r"`model` must have at most 268,435,456 weights"):
        override(PRESETS[name], assignments)


def test_heads_share_the_width_evenly():
    message = "`model.units` must be a multiple of `model.heads`. Received: model.units=100, mod"
    with pytest.raises(ValueError, match=message):
        override(PRESETS["transformer"], ["model.units=100"])


def test_what_may_be_none_may_be_set_so():
    preset = override(GRU, ["context=64", "data_dir=None", "model.units=None"])
    assert (preset.music.context, preset.music.data_dir) == (64, None)
    assert preset.model.settings["units"] is None
    assert override(preset, ["context=None"]).music.context is None


def test_the_order_of_assignments_does_not_matter():
    one = override(GRU, ["encoding.rhythm=false", "codec=pitches"])
    assert one == override(GRU, ["codec=pitches", "encoding.rhythm=False"])
    assert one.music.encoding == {"rhythm": False}


def test_a_preset_of_another_version_is_refused():
    config = GRU.to_config()
    config["music"]["colour"] = "red"
    with pytest.raises(ValueError, match=r"Unknown settings music\.colour in the preset of a run"):
        Preset.from_config(config)


def test_override_reaches_the_encoding():
    preset = override(PRESETS["mozart"], ["encoding.rhythm=False"])
    assert preset.music.encoding == {**PRESETS["mozart"].music.encoding, "rhythm": False}
    assert PRESETS["mozart"].music.encoding["rhythm"]


def test_every_preset_knows_its_own_name():
    assert {name: preset.recipe for name, preset in PRESETS.items()} == {n: n for n in PRESETS}


def test_another_corpus_of_the_same_kind_changes_nothing_else():
    assert on_corpus(GRU, "jsb") == changed(GRU, corpus="jsb")
    assert on_corpus(GRU, "chorales") == GRU


def test_a_corpus_of_another_kind_brings_its_codec_windows_and_instrument():
    mozart, preset = CORPORA["mozart"].music, on_corpus(PRESETS["transformer"], "mozart")
    assert (preset.recipe, preset.model.architecture) == ("transformer", "transformer")
    assert preset.music == mozart
    assert preset.training.learning_rate == PRESETS["transformer"].training.learning_rate
    assert preset.model.settings["period"] == 3  # interval, chord, duration
    back = on_corpus(preset, "jsb")
    assert (back.music.codec, back.model.settings["period"]) == ("satb", 64)


@pytest.mark.parametrize("corpus", ["folk", "cello", "mozart", "performance", "jsb", "folder"])
def test_the_transformers_places_fit_every_corpus(corpus):
    preset = on_corpus(PRESETS["transformer"], corpus)
    tokens_per_step = {"satb": 4, "pitches": 3, "chords": 3}.get(preset.music.codec, 1)
    assert preset.music.stride * tokens_per_step % preset.model.settings["period"] == 0


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("corpus", CORPORA)
def test_every_preset_may_be_named_with_every_corpus(name, corpus):
    assert on_corpus(PRESETS[name], corpus).music.corpus == corpus


@pytest.mark.parametrize(
    "make",
    [
        lambda: on_corpus(GRU, "folk"),
        lambda: changed(GRU, codec="pitches"),
        lambda: override(GRU, ["codec=events", "model.units=8"]),
        lambda: override(GRU, ["model.units=8", "codec=events"]),
    ],
)
def test_rules_of_four_voices_are_not_those_of_another_codec(make):
    preset = make()
    assert preset.music.rules == []
    assert preset.model.settings["rules"] is False
    assert GRU.music.rules
    assert GRU.model.settings["rules"]


@pytest.mark.parametrize("preset", [PRESETS["folk"], override(GRU, ["codec=melody"])])
def test_rules_that_are_asked_for_need_four_voices(preset):
    message = "`rules` are those of four-part writing. Received: .*motion.* the codec 'melody'"
    with pytest.raises(ValueError, match=message):
        override(preset, ["rules=['motion']"])
    assert override(preset, ["rules=[]"]) == preset


def test_a_model_is_given_the_order_of_the_voices_that_its_rules_compare():
    order = [0, 3, 1, 2]
    assert GRU.model.arguments(SatbCodec(36, 81, order=order))["rules"] == order
    quiet = override(GRU, ["model.rules=False"]).model
    assert quiet.arguments(SatbCodec(36, 81))["rules"] is None
    folk = override(on_corpus(GRU, "folk"), ["model.rules=True"])
    with pytest.raises(
        ValueError, match=r"`model.rules` needs a codec of four voices. .*sixteenth"
    ):
        folk.model.arguments(MelodyCodec(60, 72))
    assert PRESETS["folk"].model.arguments(MelodyCodec(60, 72)) == PRESETS["folk"].model.settings


@pytest.mark.parametrize("name", ["gru", "wavenet", "transformer", "chorale"])
def test_windows_of_four_voices_overlap(name):
    music = PRESETS[name].music
    assert music.stride < music.window
