import pytest

from bach_tf.presets import PRESETS, Preset, override

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
