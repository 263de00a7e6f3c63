"""Types and bounds: of each kind, and of every setting of every preset and codec."""

import inspect
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf._basics.lazy import load
from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import Flag, Pair, Real, Several, Text, Whole, check_settings
from bach_tf.codecs import CODECS, ChordCodec, PitchCodec
from bach_tf.models import MODELS
from bach_tf.recipes import PRESETS, SETTINGS, Preset, changed, override

STRANGE = [
    None, -1, 0, 1, True, 2**31, 2**63, 10**400, 10**5000, 0.5, -0.0, math.nan, math.inf, -math.inf,
    "", "abc", "3", "x" * 10_000, "\0", "\ud800", b"3", (), (0,), [], [[]], {}, {"a": 1}, set(),
    object(), np.float32(0.5), np.int64(3), np.array([1, 2]), 1j,
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def deep(levels=100_000):
    nest = []
    for _ in range(levels):
        nest = [nest]
    return nest


def group_of(preset, name):
    """Return the kinds of the settings in a group."""
    return (
        MODELS[preset.model.architecture].settings
        if name == "model"
        else CODECS[preset.music.codec].ENCODING
    )


def attempt(make, *args, **settings):
    """Return what is made, `None` where it is refused, and with which message."""
    try:
        return make(*args, **settings), ""
    except ValueError as error:
        return None, str(error)


def is_within_bounds(preset):
    """Return whether all settings of a preset are their own usual form."""
    config = preset.flat()
    groups = {name: config.pop(name) for name in ("model", "encoding")}
    return check_settings(SETTINGS, config) == config and all(
        check_settings(group_of(preset, name), settings) == settings
        for name, settings in groups.items()
    )


# Each kind.


@pytest.mark.parametrize(
    ("kind", "value", "usual"),
    [
        (Whole(0, 9), 9, 9),
        (Whole(0, 9), np.int32(9), 9),
        (Whole(4, 64, multiple_of=4), 12, 12),
        (Real(0, 1), 1, 1.0),
        (Real(0, 1), np.float64(0.5), 0.5),
        (Flag(), False, False),
        (Text(3), "abc", "abc"),
        (Pair(Whole(0, 9), Flag()), [1, True], (1, True)),
        (Several(Whole(0, 9), 0, 2), (1, 2), [1, 2]),
        (Whole(0, 9, optional=True), None, None),
    ],
)
def test_a_value_is_returned_in_its_usual_form(kind, value, usual):
    checked = kind.check("x", value)
    assert checked == usual
    assert type(checked) is type(usual)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Whole(0, 9), 10, "`x` must be a whole number in 0..9. Received: 10"),
        (Whole(0, 9), True, "`x` must be a whole number in 0..9. Received: True"),
        (Whole(0, 9), 3.0, "`x` must be a whole number in 0..9. Received: 3.0"),
        (Whole(0, 9), "3", "`x` must be a whole number in 0..9. Received: '3'"),
        (Whole(4, 64, 4), 6, "`x` must be a whole number in 4..64, a multiple of 4. Received: 6"),
        (Real(0, 1), math.nan, "`x` must be a number in 0..1. Received: nan"),
        (Real(0, 1, above=True), 0, "`x` must be a number in 0..1 (0 excluded). Received: 0"),
        (Real(0, 1), True, "`x` must be a number in 0..1. Received: True"),
        (Flag(), 1, "`x` must be True or False. Received: 1"),
        (Flag(optional=True), 1, "`x` must be True or False or None. Received: 1"),
        (Text(3), "abcd", "`x` must be text of 1..3 characters. Received: 'abcd'"),
        (Text(3), "\n", r"`x` must be text of 1..3 characters. Received: '\n'"),
        (
            Several(Whole(0, 9), 0, 2),
            [1, 2, 3],
            "`x` must be a list of 0..2 values, each a whole number in 0..9. Received: [1, 2, 3]",
        ),
        (
            Pair(Whole(-9, 0), Whole(0, 9)),
            (3, -3),
            "`x` must be a pair: a whole number in -9..0, then a whole number in 0..9. "
            "Received: (3, -3)",
        ),
    ],
)
def test_the_message_is_made_of_the_type_and_the_bounds(kind, value, message):
    assert attempt(kind.check, "x", value) == (None, message)


def test_what_came_is_shown_short_and_in_one_line():
    for value in [*STRANGE, deep(), {"a": deep()}, "x\x1b[2J" * 9999]:
        text = shortened(value, quote=True)
        assert len(text) <= 80
        assert text.isprintable()


# The tables, and what they describe.


def test_every_setting_of_a_preset_has_bounds():
    assert set(PRESETS["gru"].flat()) == {*SETTINGS, "model", "encoding"}


def arguments_of(method):
    """Return the names of a method's settings."""
    others = {"scores", "counts", "chords", "transpose", "settings"}
    return set(inspect.signature(method).parameters) - others


@pytest.mark.parametrize("name", CODECS)
def test_every_setting_of_a_codec_has_bounds(name):
    codec = CODECS[name]
    methods = (codec.fit, codec.fit_counts, getattr(codec, "_vocabulary", codec.fit))
    told, passed_on = (set().union(*map(arguments_of, which)) for which in (methods[:2], methods))
    assert told <= set(codec.ENCODING) <= passed_on
    assert set(codec.NEEDED) <= set(codec.ARGUMENTS)


def test_the_tables_are_those_of_the_registries():
    for optimizer in SETTINGS["optimizer"].table.values():
        assert float(load(optimizer)(0.1).learning_rate) == pytest.approx(0.1)
    for model in MODELS.values():
        arguments = dict(inspect.signature(model.load()).parameters)
        del arguments["vocab_size"]
        assert set(model.settings) == set(arguments)
        defaults = {key: argument.default for key, argument in arguments.items()}
        assert check_settings(model.settings, defaults).keys() == defaults.keys()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back_from_json(name):
    preset = PRESETS[name]
    assert is_within_bounds(preset)
    assert Preset.from_config(json.loads(json.dumps(preset.to_config()))) == preset


# Values that nobody means.


@pytest.mark.parametrize("name", PRESETS)
def test_a_strange_value_is_refused_by_name_or_is_within_bounds(name):
    preset = PRESETS[name]
    for setting in SETTINGS:
        for value in STRANGE:
            _refused_or_within_bounds(preset, setting, {setting: value})
    for group in ("model", "encoding"):
        for value in STRANGE:
            _refused_or_within_bounds(preset, group, {group: value})
            for setting in group_of(preset, group):
                settings = {**preset.flat()[group], setting: value}
                _refused_or_within_bounds(preset, setting, {group: settings})


def _refused_or_within_bounds(preset, setting, changes):
    other, message = attempt(changed, preset, **changes)
    assert is_within_bounds(other) if other else setting in message
    assert len(message) < 1000


@pytest.mark.parametrize("name", ["gru", "chorale", "mozart"])
@pytest.mark.parametrize(
    "text", ["None", "-1", "0", "nan", "inf", "1e999", "2147483648", "abc", "(0,)", "", "[[", "\0"]
)
def test_a_strange_text_is_refused_by_name_or_is_within_bounds(name, text):
    preset = PRESETS[name]
    names = list(SETTINGS)
    names += [f"{group}.{s}" for group in ("model", "encoding") for s in group_of(preset, group)]
    for setting in names:
        other, message = attempt(override, preset, [f"{setting}={text}"])
        assert is_within_bounds(other) if other else setting.split(".")[-1] in message


@given(JSON)
def test_any_json_is_no_preset(config):
    with pytest.raises(ValueError, match=r"Expected settings|Unknown settings|is missing"):
        Preset.from_config(config)


@given(st.sampled_from(sorted(PRESETS)), st.data())
def test_a_preset_with_any_json_in_it_is_refused_or_within_bounds(name, data):
    config = PRESETS[name].to_config()
    places = [(group, key) for group in ("music", "model", "training") for key in config[group]]
    places += [(group,) for group in config]
    for group, *key in data.draw(st.sets(st.sampled_from(places), min_size=1, max_size=3)):
        if key and isinstance(config[group], dict):
            config[group] = {**config[group], key[0]: data.draw(JSON)}
        elif not key:
            config[group] = data.draw(JSON)
    preset, message = attempt(Preset.from_config, config)
    assert is_within_bounds(preset) if preset else len(message) < 1000


WHOLE = {
    "satb": {"lowest": 36, "highest": 81, "ranges": [[60, 81], [52, 74], [46, 69], [36, 66]]},
    "melody": {"lowest": 55, "highest": 79},
    "events": {"steps_per_quarter": 100, "longest_quarters": 5},
    "pitches": PitchCodec(60, 72, steps_per_quarter=4, rhythm=False, offsets=[(1, 2)]).to_config(),
    "chords": ChordCodec(["C4", "C4.E4"], steps_per_quarter=4).to_config(),
}


@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_a_codec_of_any_json_is_refused_or_comes_back(name, data):
    config = dict(WHOLE[name])
    for argument in data.draw(st.sets(st.sampled_from(sorted(config)), min_size=1)):
        if data.draw(st.booleans()):
            config[argument] = data.draw(JSON)
        else:
            del config[argument]
    codec, message = attempt(CODECS[name].from_config, config)
    assert len(message) < 1000
    if codec:
        assert codec.vocab_size <= 2**18
        made = json.loads(json.dumps(codec.to_config()))
        assert CODECS[name].from_config(made).to_config() == codec.to_config()


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_refuses_strange_arguments_by_name(name):
    for argument in CODECS[name].ARGUMENTS:
        for value in STRANGE:
            codec, message = attempt(CODECS[name].from_config, {**WHOLE[name], argument: value})
            assert codec.vocab_size <= 2**18 if codec else 0 < len(message) < 1000


def test_a_chord_has_one_id():
    with pytest.raises(ValueError, match="Received twice: C4"):
        ChordCodec(["C4", "E4", "C4"], steps_per_quarter=4)


def test_a_vocabulary_has_an_end():
    with pytest.raises(ValueError, match=r"A vocabulary has at most 262144 tokens\. Received: 52"):
        PitchCodec(60, 60, steps_per_quarter=1024, longest_quarters=256)
