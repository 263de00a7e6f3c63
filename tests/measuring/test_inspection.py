import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data
from tensorboard.plugins.projector import ProjectorConfig

from bach_tf import learning
from bach_tf.codecs import CODECS, ChordCodec, MelodyCodec, SatbCodec
from bach_tf.learning import runs
from bach_tf.measuring import inspection
from bach_tf.recipes import PRESETS, changed, override
from bach_tf.score import Score

CODEC = SatbCodec(31, 87)
MELODY = MelodyCodec(48, 83)
CHORDS = ChordCodec(["C4", "G3.C4"], steps_per_quarter=12)
EVERYTHING = {"tensors": 0}  # the accumulator keeps all of them
# A preset of each codec.
ONE_OF_EACH = {preset.music.codec: name for name, preset in PRESETS.items()}.values()
HUNDRED_EPOCHS = 100e6  # bytes
RATE = inspection.FRAMES_PER_SECOND


def small(name="gru", **changes):
    """Return a preset shrunk so that an epoch takes a moment."""
    four_voices = PRESETS[name].music.codec == "satb"
    model = {**PRESETS["gru"].model.settings, "units": 8, "layers": 1, "rules": four_voices}
    shape = {"model": model, "window": 8, "stride": 8, "batch_size": 4, "epochs": 4}
    return changed(PRESETS[name], **{**shape, **changes})


def fitted(name):
    """Return the codec of a preset, fitted to a few chords."""
    music = PRESETS[name].music
    codec = CODECS[music.codec]
    chords = [[67 + up, 64 + up, 60, 48] for up in (0, 2, 4, 5) for _ in range(4)]
    score = Score.from_grid(chords)
    return codec.fit([score], transpose=music.transpose, **music.encoding)


def make_run(folder, name="run", **changes):
    preset = small(**{"schedule": "power", **changes})  # which no number of epochs ends
    return runs.create_run(preset, CODEC, name, runs=folder)


def train(run, corpus, every=2):
    """Train with what `train.py` shows of a run; return the callback."""
    (watching,) = inspection.callbacks(run, every)
    learning.train(run, corpus, verbose=0, callbacks=[watching])
    return watching


def weights_of(run):
    return np.concatenate([weights.ravel() for weights in run.model.get_weights()])


def events_of(folder):
    return EventAccumulator(str(folder), EVERYTHING).Reload()


def tensors(events, tag):
    """Return the steps at which a tag was written, and what was."""
    found = events.Tensors(tag)
    return [event.step for event in found], [tf.make_ndarray(e.tensor_proto) for e in found]


def plugins(events):
    """Return by tag which plug-in of TensorBoard shows it."""
    return {
        tag: events.SummaryMetadata(tag).plugin_data.plugin_name for tag in events.Tags()["tensors"]
    }


@pytest.fixture(scope="module")
def inspected(tmp_path_factory, tiny_folder):
    """Return a run trained for four epochs, a sample after every second one, and the callback."""
    run = make_run(tmp_path_factory.mktemp("runs"))
    return run, train(run, tiny_folder)


def test_losses_and_accuracy_of_both_splits_share_a_chart_beside_the_rate(inspected):
    run, _ = inspected
    train_events, validation = (events_of(run.folder / split) for split in ("train", "validation"))
    for tag in ("epoch_loss", "epoch_nll", "epoch_accuracy"):
        assert plugins(train_events)[tag] == plugins(validation)[tag] == "scalars"
        assert tensors(train_events, tag)[0] == tensors(validation, tag)[0] == [0, 1, 2, 3]
    _, rates = tensors(train_events, "epoch_learning_rate")
    expected = [
        run.preset.training.learning_rate * learning.rate_of_epoch(run.preset, e) for e in range(4)
    ]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_every_weight_has_a_histogram(inspected):
    run, _ = inspected
    shown = plugins(events_of(run.folder / "train"))
    histograms = {tag for tag, plugin in shown.items() if plugin == "histograms"}
    assert histograms == {f"{weight.path}/histogram" for weight in run.model.weights}


def test_samples_are_heard_and_seen_every_few_epochs(inspected):
    run, _ = inspected
    events = events_of(run.folder)
    assert plugins(events)["sample/sound"] == "audio"
    assert plugins(events)["sample/piano_roll"] == "images"
    steps, sounds = tensors(events, "sample/sound")
    assert steps == [0, 1, 3]
    for encoded in (sound.ravel()[0] for sound in sounds):
        frames, rate = tf.audio.decode_wav(encoded)
        assert rate == RATE
        assert frames.shape[1] == 1
        assert frames.shape[0] / RATE <= 21 + 0.01  # 20 seconds and what then fades
    steps, pictures = tensors(events, "sample/piano_roll")
    assert steps == [0, 1, 3]
    for width, height, encoded in pictures:
        pixels = tf.io.decode_png(encoded).numpy()
        assert pixels.shape[:2] == (int(height), int(width))
        assert pixels.std() > 0


def test_settings_and_layers_can_be_read(inspected):
    run, _ = inspected
    events = events_of(run.folder)
    _, [preset] = tensors(events, "preset")
    assert "| learning_rate | `0.006` |" in preset.item().decode()
    assert "| model.units | `8` |" in preset.item().decode()
    _, [layers] = tensors(events, "layers")
    assert inspection.summarise(run.preset, run.codec) in layers.item().decode()


def test_the_preset_is_the_hyper_parameters_of_the_run(inspected):
    run, _ = inspected
    metadata = events_of(run.folder).SummaryMetadata("_hparams_/session_start_info")
    session = parse_session_start_info_plugin_data(metadata.plugin_data.content)
    assert session.group_name == run.folder.name
    values = session.hparams
    assert values["model.units"].number_value == 8
    assert values["schedule"].string_value == "power"
    assert values["model.layer_norm"].bool_value is False
    assert values["data_dir"].string_value == "None"
    assert set(values) == set(inspection.hyper_parameters(run.preset))


def test_the_graph_is_that_of_the_model(inspected):
    run, _ = inspected
    graph = tf.compat.v1.GraphDef.FromString(events_of(run.folder).Graph().SerializeToString())
    inputs = [node for node in graph.node if node.name == "ids"]
    assert [dim.size for dim in inputs[0].attr["shape"].shape.dim] == [4, 32]
    assert any(run.model.recurrent[0].name in node.name for node in graph.node)


def test_the_projector_finds_the_embedding_with_the_names_of_its_tokens(inspected):
    run, watching = inspected
    config = ProjectorConfig()
    text_format.Parse((run.folder / "projector_config.pbtxt").read_text(), config)
    (shown,) = config.embeddings
    vectors = np.loadtxt(run.folder / shown.tensor_path, delimiter="\t")
    assert vectors.shape == tuple(shown.tensor_shape) == (CODEC.vocab_size, 8)
    table = watching.measured.model.embedding.embeddings.numpy()
    np.testing.assert_allclose(vectors, table, rtol=1e-3, atol=1e-6)
    header, *names = (run.folder / shown.metadata_path).read_text().splitlines()
    assert header == "token\tpitch class\toctave"
    assert [name.split("\t")[0] for name in names] == list(CODEC.tokens)
    assert names[:5] == ["<pad>\tnone\tnone", "<start>\tnone\tnone", "<end>\tnone\tnone",
                         "r\tnone\tnone", "G1\tG\t1"]  # fmt: skip


def test_a_hundred_epochs_stay_small(inspected):
    run, _ = inspected
    samples = len(tensors(events_of(run.folder), "sample/sound")[0])
    written = sum(path.stat().st_size for path in run.folder.glob("**/*tfevents*"))
    rows = 100 // 4 * sum(path.stat().st_size for path in run.folder.glob("*/*tfevents*"))
    shown = (1 + 100 // inspection.SAMPLE_EPOCHS) * written / samples
    assert shown + rows < HUNDRED_EPOCHS / 2
    # Were each sample as long as can be, twenty seconds and one to fade, of 16 bits:
    assert (1 + 100 // inspection.SAMPLE_EPOCHS) * 21 * RATE * 2 < HUNDRED_EPOCHS / 4


def test_what_is_shown_changes_nothing(inspected, tmp_path, tiny_folder):
    run, _ = inspected
    bare = make_run(tmp_path)
    learning.train(bare, tiny_folder, verbose=0)
    np.testing.assert_array_equal(weights_of(bare), weights_of(run))


def test_a_resumed_training_goes_on_and_says_nothing_twice(inspected, tmp_path, tiny_folder):
    whole, _ = inspected
    run = make_run(tmp_path, epochs=2)
    train(run, tiny_folder)
    again = runs.load_run(run.folder)
    again = runs.replace_preset(again, changed(again.preset, epochs=4))
    train(again, tiny_folder)
    np.testing.assert_allclose(weights_of(again), weights_of(whole), atol=1e-6)
    events = events_of(run.folder)
    assert tensors(events, "sample/sound")[0] == [0, 1, 3]
    assert tensors(events, "preset")[0] == [0]


def test_samples_are_of_the_averages_where_those_are_measured(tmp_path, tiny_folder):
    shown = make_run(tmp_path, average=0.9, epochs=2)
    watching = train(shown, tiny_folder)
    # The last epoch is the best one: its averages are kept.
    assert learning.read_outcome(shown).best_epoch == 2
    np.testing.assert_allclose(weights_of(watching.measured), weights_of(shown), atol=1e-6)


def test_the_same_weights_make_the_same_sample(inspected):
    _, watching = inspected
    assert watching.compose() == watching.compose()


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_any_codec_has_samples(name, tmp_path):
    codec = fitted(name)
    preset = small(name, architecture="gru", length=200)
    run = runs.create_run(preset, codec, name, runs=tmp_path)
    (watching,) = inspection.callbacks(run)
    score = inspection.opening(watching.compose(), preset.music.tempo_qpm)
    assert score.length / score.steps_per_quarter * 60 / preset.music.tempo_qpm <= 20.1
    sound = inspection.as_sound(score, preset)
    assert sound.shape[1] <= 21.1 * RATE
    assert inspection.as_picture(score, preset).dtype == np.uint8
    inspection.write_embedding(run)
    names = (run.folder / "embedding_names.tsv").read_text().splitlines()
    assert len(names) == 1 + codec.vocab_size


def test_a_token_is_coloured_by_its_lowest_note(tmp_path):
    run = runs.create_run(small("mozart", architecture="gru"), CHORDS, runs=tmp_path)
    inspection.write_embedding(run)
    names = (run.folder / "embedding_names.tsv").read_text().splitlines()
    assert names[5:8] == ["C4\tC\t4", "G3.C4\tG\t3", "+0\tnone\tnone"]


def test_there_must_be_an_epoch_between_samples(inspected):
    run, _ = inspected
    with pytest.raises(ValueError, match=r"`every` must be at least 1 epoch\. Received: 0"):
        inspection.callbacks(run, every=0)


def test_the_opening_cuts_what_goes_on():
    score = Score.from_grid([[67, 48]] * 6 + [[69, 48]] * 6, title="a", fermatas=(2, 9))
    start = inspection.opening(score, tempo_qpm=120, seconds=1.0)  # two quarters, eight steps
    assert start.length == 8
    assert list(zip(start.onset, start.duration, start.pitch)) == [
        (0, 6, 67),
        (0, 8, 48),
        (6, 2, 69),
    ]
    assert (start.title, start.fermatas) == ("a", (2,))
    assert inspection.opening(score, tempo_qpm=120, seconds=9.0) == score


def test_a_note_sounds_at_its_pitch():
    preset = small(tempo_qpm=60.0)
    sound = inspection.as_sound(Score.from_grid([[69]] * 4), preset)
    assert sound.shape == (1, 2 * RATE, 1)  # a second, and one to fade
    assert 0.3 < np.abs(sound).max() <= 1
    spectrum = np.abs(np.fft.rfft(sound[0, :RATE, 0]))
    assert spectrum.argmax() == pytest.approx(440, abs=1)


LAYERS = """\
StackedLSTM: 64 windows of 64 tokens to logits (64, 64, 42)

layer         kind       output         weights                                            number
embedding     Embedding  (64, 64, 32)   embeddings 42x32                                    1,344
recurrent[0]  LSTM       (64, 64, 128)  kernel 32x512, recurrent_kernel 128x512, bias 512  82,432
dropouts[0]   Dropout    (64, 64, 128)
logits        Dense      (64, 64, 42)   kernel 128x42, bias 42                              5,418

89,194 trainable parameters."""


def test_the_summary_of_a_recipe_can_be_read():
    assert inspection.summarise(PRESETS["folk"], MELODY) == LAYERS


@pytest.mark.parametrize("name", PRESETS)
def test_the_summary_of_every_recipe_has_all_shapes_and_weights(name):
    preset, codec = PRESETS[name], fitted(name)
    text = inspection.summarise(preset, codec)
    rows = text.splitlines()[3:-2]
    tokens = preset.music.window * len(codec.may_follow)
    assert all("(" in row for row in rows), "each layer is called and has a shape"
    assert text.splitlines()[0].endswith(
        f"({preset.training.batch_size}, {tokens}, {codec.vocab_size})"
    )
    assert "None" not in text
    outer = [row for row in rows if not row.startswith(" ")]
    numbers = [row.split()[-1].replace(",", "") for row in outer]
    model = runs.build_model(preset, codec)
    counted = sum(int(number) for number in numbers if number.isdigit())
    assert counted == model.count_params()


def test_a_setting_changes_the_summary():
    preset = override(PRESETS["folk"], ["model.units=16", "batch_size=3"])
    assert "(3, 64, 16)" in inspection.summarise(preset, MELODY)
