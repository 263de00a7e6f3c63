import pytest

from bach_tf.presets import PRESETS, Preset, on_corpus, override

GRU = PRESETS["gru"]


def test_override_replaces_settings_of_the_preset_and_of_the_model():
    preset = override(GRU, ["model.units=64", "window=32", "learning_rate=1", "transpose=(-2, 3)"])
    assert preset.model["units"] == 64
    assert preset.window == 32
    assert preset.learning_rate == 1.0
    assert isinstance(preset.learning_rate, float)
    assert preset.transpose == (-2, 3)
    assert preset.model["layers"] == GRU.model["layers"]


def test_override_leaves_the_preset_as_it_was():
    before = GRU.to_config()
    override(GRU, ["model.units=64", "window=32"])
    assert GRU.to_config() == before


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("window", "Expected NAME=VALUE, got 'window'"),
        ("windows=3", "Unknown setting 'windows'. Choose from: .*window"),
        ("model.unit=3", "Unknown setting 'model.unit'. Choose from: .*units"),
        ("model=3", "Unknown setting 'model'"),
        ("window=wide", "`window` must be of type int, as 64. Received: wide"),
        ("window=2.5", "`window` must be of type int"),
        ("model.layer_norm=1", "`model.layer_norm` must be of type bool"),
        ("encoding.rhythms=1", "Unknown setting 'encoding.rhythms'"),
        ("split=bars", "`split` must be one of: pieces, windows. Received: 'bars'"),
        ("context=1", "`context` must be at least 2 steps. Received: 1"),
        ("evaluation_batch=0", "`evaluation_batch` must be above 0"),
        ("epochs=0", "`epochs` must be above 0. Received: 0"),
        ("learning_rate=-1", "`learning_rate` must be above 0"),
    ],
)
def test_override_refuses(assignment, message):
    with pytest.raises(ValueError, match=message):
        override(GRU, [assignment])


def test_a_preset_of_another_version_is_refused():
    with pytest.raises(ValueError, match="Unknown settings colour in a run's preset"):
        Preset.from_config({**GRU.to_config(), "colour": "red"})


def test_override_reaches_the_encoding():
    preset = override(PRESETS["mozart"], ["encoding.rhythm=False"])
    assert preset.encoding == {**PRESETS["mozart"].encoding, "rhythm": False}
    assert PRESETS["mozart"].encoding["rhythm"]


def test_every_preset_knows_its_own_name():
    assert {name: preset.recipe for name, preset in PRESETS.items()} == {n: n for n in PRESETS}


def test_another_corpus_of_the_same_kind_changes_nothing_else():
    assert on_corpus(GRU, "jsb") == Preset.from_config({**GRU.to_config(), "corpus": "jsb"})
    assert on_corpus(GRU, "chorales") == GRU


def test_a_corpus_of_another_kind_brings_its_codec_windows_and_instrument():
    mozart, preset = PRESETS["mozart"], on_corpus(PRESETS["transformer"], "mozart")
    assert (preset.recipe, preset.architecture) == ("transformer", "transformer")
    assert (preset.corpus, preset.codec, preset.encoding) == ("mozart", "chords", mozart.encoding)
    assert (preset.window, preset.program) == (mozart.window, mozart.program)
    assert preset.learning_rate == PRESETS["transformer"].learning_rate
    assert preset.model["period"] == 3  # interval, chord, duration
    back = on_corpus(preset, "jsb")
    assert (back.codec, back.model["period"]) == ("satb", 64)


@pytest.mark.parametrize("corpus", ["folk", "cello", "mozart", "performance", "jsb", "folder"])
def test_the_transformers_places_fit_every_corpus(corpus):
    preset = on_corpus(PRESETS["transformer"], corpus)
    tokens_per_step = {"satb": 4, "pitches": 3, "chords": 3}.get(preset.codec, 1)
    assert preset.shift * tokens_per_step % preset.model["period"] == 0
