import errno
import json
import os
import random
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.learning import runs, weight_files
from bach_tf.learning.memory_files import read_memory
from bach_tf.models.memory import Memory
from bach_tf.recipes import PRESETS, changed

CODEC = SatbCodec(lowest=50, highest=80)
PRESET = changed(PRESETS["gru"], model={**PRESETS["gru"].model.settings, "units": 4, "layers": 1})


def weights_of(run):
    return np.concatenate([weights.ravel() for weights in run.model.get_weights()])


def make(tmp_path, name, **changes):
    run = runs.create_run(changed(PRESET, **changes), CODEC, name, runs=tmp_path)
    runs.save_weights(run)
    return run


def test_a_run_folder_is_read_back_as_it_was_made(tmp_path):
    run = make(tmp_path, "a", seed=5, transpose=(-2, 3))
    again = runs.load_trained_run(tmp_path / "a")
    assert again.preset == run.preset
    assert again.codec.to_config() == CODEC.to_config()
    np.testing.assert_array_equal(weights_of(again), weights_of(run))


def test_settings_are_text_that_a_person_can_read(tmp_path):
    make(tmp_path, "a")
    assert json.loads((tmp_path / "a" / "codec.json").read_text()) == {
        "name": "satb",
        "lowest": 50,
        "highest": 80,
        "ranges": None,
    }
    assert (
        json.loads((tmp_path / "a" / "preset.json").read_text())["model"]["settings"]["units"] == 4
    )


def test_fresh_weights_follow_the_seed(tmp_path):
    one, same, other = (make(tmp_path, str(n), seed=seed) for n, seed in enumerate((1, 1, 2)))
    np.testing.assert_array_equal(weights_of(one), weights_of(same))
    assert not np.allclose(weights_of(one), weights_of(other))


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return the folder of all runs, beside which no weights are shipped."""
    monkeypatch.setattr(runs, "RUNS", tmp_path)
    monkeypatch.setattr(runs, "has_shipped_weights", lambda: False)
    return tmp_path


def test_the_newest_run_is_the_one_whose_weights_are(own):
    first = make(own, "z")
    make(own, "a")
    runs.create_run(PRESET, CODEC, "untrained", runs=own)
    assert runs.find_run() == own / "a"
    runs.save_weights(first)
    assert runs.find_run() == own / "z"


def test_the_newest_run_of_a_recipe(own):
    make(own, "a")
    folk = changed(PRESET, recipe="folk")
    runs.save_weights(runs.create_run(folk, CODEC, "b", runs=own))
    assert runs.find_run(recipe="gru") == own / "a"
    assert runs.find_run(recipe="folk") == own / "b"
    with pytest.raises(ValueError, match=r"No trained run of cello in .* --model cello"):
        runs.find_run(recipe="cello")
    with pytest.raises(ValueError, match=r"Unknown model 'flute'. Choose from: cello"):
        runs.find_run(recipe="flute")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with the run `tb_logs/a` and no shipped weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "PRETRAINED", tmp_path / "shipped")
    make(Path("tb_logs"), "a")
    return tmp_path


def test_a_run_is_found_by_its_folder_or_its_name(here):
    for name in ("a", "tb_logs/a", Path("tb_logs/a"), None):
        assert runs.find_run(name) == Path("tb_logs/a")
    assert runs.run_name(Path("tb_logs/a")) == "tb_logs/a"
    Path("a").mkdir()  # no run
    assert runs.find_run("a") == Path("tb_logs/a")
    Path("a").rmdir()
    make(here, "a")
    assert runs.find_run("a") == Path("a")


def test_a_run_is_found_before_its_first_epoch_has_finished(here):
    runs.create_run(PRESET, CODEC, "begun")
    assert runs.find_run("begun") == Path("tb_logs/begun")


def test_the_shipped_weights_stand_in_where_there_is_no_run(here):
    shipped = make(here, "shipped").folder
    assert runs.find_run("pretrained") == shipped
    assert runs.run_name(shipped) == "pretrained"
    assert runs.find_run() == Path("tb_logs/a")
    shutil.rmtree("tb_logs")
    assert runs.find_run() == shipped
    assert runs.find_run(recipe="gru") == shipped
    with pytest.raises(ValueError, match=r"No trained run of folk in tb_logs.* --model folk"):
        runs.find_run(recipe="folk")
    with pytest.raises(ValueError, match=r"got b: it has no preset.json. Choose from: pretrained"):
        runs.find_run("b")


def test_a_run_that_is_not_there_is_said_with_those_that_are(here):
    with pytest.raises(ValueError, match=r"got b: it has no preset.json. Choose from: tb_logs/a\."):
        runs.find_run("b")
    with pytest.raises(
        ValueError, match=r"This copy of .* has no shipped weights: .*bach-tf train"
    ):
        runs.find_run("pretrained")
    with pytest.raises(ValueError, match="Unknown model 'flute'"):
        runs.find_run(recipe="flute")


def test_runs_without_a_name_do_not_collide(tmp_path):
    folders = {runs.create_run(PRESET, CODEC, runs=tmp_path).folder.name for _ in range(3)}
    assert len(folders) == 3
    assert all(name.startswith("gru-20") for name in folders)


def test_replaced_settings_stay(tmp_path):
    run = make(tmp_path, "a")
    runs.replace_preset(run, changed(run.preset, epochs=7))
    assert runs.load_run(tmp_path / "a").preset.training.epochs == 7


def test_no_scratch_files_are_left(tmp_path):
    make(tmp_path, "a")
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"preset.json", "codec.json", "model.weights.h5", "checksums.json"}


def test_a_name_that_is_taken_is_not_used_again(tmp_path):
    run = make(tmp_path, "a")
    before = weights_of(run)
    with pytest.raises(ValueError, match=r"a exists already.*--resume"):
        make(tmp_path, "a", seed=3)
    np.testing.assert_array_equal(weights_of(runs.load_run(tmp_path / "a")), before)


@pytest.mark.parametrize("name", ["../a", "a/b", "/tmp/a", ".."])
def test_a_name_is_not_a_path(tmp_path, name):
    with pytest.raises(ValueError, match="must be a folder name"):
        make(tmp_path, name)


def test_no_run_yet(own):
    with pytest.raises(ValueError, match=r"No trained run in .*bach-tf train"):
        runs.find_run()


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match=r"Expected a run folder with preset.json"):
        runs.load_run(tmp_path)


# What a hand-edited file may hold, and what is then said of it.
EDITED = [
    ("preset.json", b"{", "expected settings in JSON, got: "),
    ("preset.json", b"{}", "The setting `music` is missing"),
    ("preset.json", b"[" * 100_000, "nested too deeply"),
    ("preset.json", b'{"model": ' * 100_000, "nested too deeply"),
    ("preset.json", b"\xff\xfe{}", "expected text in UTF-8"),
    ("preset.json", b"null", r"as \{...\}, got: None"),
    ("codec.json", b"[]", r"as \{...\}, got: \[\]"),
    ("codec.json", b"{}", "Unknown codec None"),
    ("codec.json", b'{"name": ["satb"]}', r"Unknown codec \['satb'\]"),
    ("codec.json", b'{"name": "satb", "lowest": "low"}', r"`lowest` must be .* Received: 'low'"),
    ("codec.json", b'{"name": "satb", "ranges": [1]}', r"`ranges` must be a list of 4 values"),
    ("codec.json", b'{"name": "satb", "colour": 1}', "Unknown setting 'colour'"),
    ("codec.json", b'{"name": "melody", "lowest": 60}', "The setting `highest` of the codec is mi"),
    (
        "codec.json",
        b'{"name": "melody", "lowest": 60, "highest": 72}',
        "expected the codec of pres",
    ),
    (
        "codec.json",
        b'{"name": "events", "steps_per_quarter": 1e99}',
        r"`steps_per_quarter` must be a whole number in 1\.\.1024",
    ),
]


def settings_alone(folder):
    """Make a run folder as far as it is looked at before a model is made."""
    folder.mkdir(parents=True)
    (folder / "preset.json").write_text(json.dumps(PRESET.to_config()))
    (folder / "codec.json").write_text(json.dumps({"name": "satb", **CODEC.to_config()}))
    (folder / "model.weights.h5").touch()


@pytest.mark.parametrize(("file", "content", "message"), EDITED)
def test_a_hand_edited_run_names_the_file_and_the_setting(tmp_path, file, content, message):
    settings_alone(tmp_path / "a")
    (tmp_path / "a" / file).write_bytes(content)
    with pytest.raises(ValueError, match=f"{file}: .*{message}") as error:
        runs.load_run(tmp_path / "a")
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(("file", "content", "message"), EDITED)
def test_a_hand_edited_run_does_not_block_the_others(
    tmp_path, monkeypatch, capsys, file, content, message
):
    monkeypatch.chdir(tmp_path)
    before = Path("tb_logs/a")
    settings_alone(before)
    settings_alone(Path("tb_logs/b"))
    os.utime("tb_logs/b/model.weights.h5", (2**32, 2**32))  # the newest
    Path("tb_logs/b", file).write_bytes(content)
    assert runs.find_run() == before
    assert runs.find_run(recipe="gru") == before
    said = capsys.readouterr().err
    assert said.count("Skipped a run: ") == 2
    assert re.search(f"b/{file}: .*{message}", said)
    with pytest.raises(ValueError, match="Choose from: tb_logs"):
        runs.find_run("absent")


def test_settings_of_far_more_weights_than_the_file_holds_are_refused_at_once(
    tmp_path, trained_run, monkeypatch
):
    edited = shutil.copytree(trained_run.folder, tmp_path / "edited")
    text = (edited / "preset.json").read_text()
    assert '"units": 12' in text
    (edited / "preset.json").write_text(text.replace('"units": 12', '"units": 8000'))
    monkeypatch.setattr(runs, "build_model", lambda *_: pytest.fail("a model of gigabytes"))
    with pytest.raises(ValueError, match=r"preset.json: .*about 128,488,000 weights, which"):
        runs.load_run(edited)


def test_a_file_of_settings_is_not_read_whole_before_its_size_is_looked_at(tmp_path):
    settings_alone(tmp_path / "a")
    with (tmp_path / "a" / "preset.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"expected at most 33,554,432 bytes, got 1,099,511,627,7"):
        runs.load_run(tmp_path / "a")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("music", [], r"Expected `music` as settings, as \{...\}. Received: \[\]"),
        (
            "music.window",
            "wide",
            r"`window` must be a whole number in 1\.\.100000\. Received: 'wide'",
        ),
        ("training.seed", True, "`seed` must be a whole number in 0..2147483647. Received: True"),
        ("music.tempo_qpm", float("nan"), "`tempo_qpm` must be a number in 4..1000. Received: nan"),
        ("music.transpose", [0], "`transpose` must be a pair"),
        ("model.settings", {"units": 10**12}, "`model.units` must be .* Received: 1000000000000"),
        ("model.settings", [], "`model` must be names and values"),
        ("music.codec", None, "Unknown codec None"),
        ("music.encoding", {"rhythm": 1}, "Unknown setting 'encoding.rhythm'"),
    ],
)
def test_a_setting_of_a_run_that_cannot_be_is_named(tmp_path, setting, value, message):
    settings_alone(tmp_path / "a")
    path = tmp_path / "a" / "preset.json"
    config = json.loads(path.read_text())
    group, _, name = setting.partition(".")
    path.write_text(
        json.dumps({**config, group: {**config[group], name: value} if name else value})
    )
    with pytest.raises(ValueError, match=f"preset.json: {message}"):
        runs.load_run(tmp_path / "a")


def test_weights_of_absurd_size_are_never_allocated():
    preset = changed(PRESET, model={"units": 8192, "layers": 1})
    with pytest.raises(ValueError, match=r"`model` must have at most .* for about 886,308,864"):
        runs.build_model(preset, SimpleNamespace(vocab_size=100_000))


def test_only_the_newest_of_many_runs_are_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tb_logs").mkdir()
    for number in range(30):
        folder = Path("tb_logs") / f"run-{number}"
        folder.mkdir()
        (folder / "model.weights.h5").touch()
    with pytest.raises(ValueError, match=r"Choose from: .*run-29.* and 22 older ones\.$"):
        runs.find_run("absent")


def test_a_file_or_a_dangling_link_among_the_runs_is_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings_alone(Path("tb_logs/a"))
    Path("tb_logs/model.weights.h5").touch()
    Path("tb_logs/c").mkdir()
    Path("tb_logs/c/model.weights.h5").symlink_to("absent")
    Path("tb_logs/d/model.weights.h5").mkdir(parents=True)
    assert runs.list_runs() == [Path("tb_logs/a")]


def test_damaged_weights_name_themselves(tmp_path):
    make(tmp_path, "a")
    (tmp_path / "a" / "model.weights.h5").write_bytes(b"not weights")
    with pytest.raises(
        ValueError, match=r"model.weights.h5: .* damaged or was replaced: .*SHA-256"
    ):
        runs.load_run(tmp_path / "a")
    (tmp_path / "a" / "checkpoint").mkdir()
    with pytest.raises(ValueError, match=r"Resume from the checkpoint: .*--resume .*a$"):
        runs.load_run(tmp_path / "a")


def test_weights_with_a_flipped_byte_are_refused(tmp_path):
    run = make(tmp_path, "a")
    path = tmp_path / "a" / "model.weights.h5"
    whole = path.read_bytes()
    place = whole.index(np.ravel(run.model.get_weights()[0])[:4].tobytes())
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(ValueError, match=r"a/model.weights.h5: expected the weights .* damaged"):
        runs.load_run(tmp_path / "a")
    path.write_bytes(whole)
    np.testing.assert_array_equal(weights_of(runs.load_run(tmp_path / "a")), weights_of(run))


def test_weights_of_another_model_are_told_from_damaged_ones(tmp_path):
    run = make(tmp_path, "a")
    make(tmp_path, "b", model={**PRESET.model.settings, "units": 5})
    shutil.copy(tmp_path / "b" / "model.weights.h5", tmp_path / "a")
    with pytest.raises(ValueError, match=r"a/model.weights.h5: .* those of another model"):
        runs.load_run(tmp_path / "a")
    (tmp_path / "a" / "checksums.json").unlink()  # as in a run of an older version
    with pytest.raises(ValueError, match=r"a/model.weights.h5: .* weights of another model"):
        runs.load_run(tmp_path / "a")
    runs.save_weights(run)
    runs.load_run(tmp_path / "a")


def with_flipped_bytes(path, seed):
    """Flip bytes of what HDF5 keeps beside the numbers; or of those, it does not matter."""
    numbers = np.random.default_rng(seed)
    damaged = bytearray(path.read_bytes())
    for place in numbers.integers(len(damaged), size=20):
        damaged[place] ^= int(numbers.integers(1, 256))
    path.write_bytes(damaged)


def message_of(work):
    """Return the message of the `ValueError` that `work` raises, if it does."""
    try:
        work()
    except ValueError as error:
        return str(error)


def test_h5py_never_shows_its_own_errors_where_there_is_no_checksum(tmp_path):
    make(tmp_path, "a")
    path = tmp_path / "a" / "model.weights.h5"
    (tmp_path / "a" / "checksums.json").unlink()
    whole = path.read_bytes()
    for seed in range(12):
        with_flipped_bytes(path, seed)
        message = message_of(lambda: runs.load_run(tmp_path / "a"))
        assert message is None or message.startswith(f"{path}: expected ")
        path.write_bytes(whole)


def test_a_file_that_makes_h5py_raise_a_runtime_error_is_named(tmp_path):
    class Raising:
        weights = ()

        def load_weights(self, path):
            raise RuntimeError("Object visitation failed\n(addr overflow)")

    path = tmp_path / "model.weights.h5"
    path.write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"h5: .* it is damaged \(Object visitation failed\)\.$"):
        weight_files.read_weights(Raising(), path)


def test_weights_that_are_not_numbers_are_refused_without_a_checksum_too(tmp_path):
    run = make(tmp_path, "a")
    run.model.set_weights([np.full_like(weights, np.nan) for weights in run.model.get_weights()])
    runs.save_weights(run)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"model.weights.h5: .* finite weights, got NaN"):
            runs.load_run(tmp_path / "a")
        (tmp_path / "a" / "checksums.json").unlink(missing_ok=True)


def test_a_run_of_an_older_version_without_checksums_is_read(tmp_path):
    run = make(tmp_path, "a")
    (tmp_path / "a" / "checksums.json").unlink()
    np.testing.assert_array_equal(weights_of(runs.load_run(tmp_path / "a")), weights_of(run))


def test_a_process_killed_between_the_checksum_and_the_weights_leaves_a_run_that_opens(
    tmp_path, monkeypatch
):
    run = make(tmp_path, "a")
    before = weights_of(run)
    replace_file = os.replace

    def killed(source, target):
        if Path(target).name == "model.weights.h5":
            raise KeyboardInterrupt
        replace_file(source, target)

    run.model.set_weights([weights + 1 for weights in run.model.get_weights()])
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.save_weights(run)
    np.testing.assert_array_equal(weights_of(runs.load_run(tmp_path / "a")), before)
    runs.save_weights(run)
    np.testing.assert_array_equal(weights_of(runs.load_run(tmp_path / "a")), before + 1)
    assert not list((tmp_path / "a").glob("new-*"))


def test_damaged_checksums_are_named(tmp_path):
    make(tmp_path, "a")
    for text in ("{", "[]", '{"model.weights.h5": 1}'):
        (tmp_path / "a" / "checksums.json").write_text(text)
        with pytest.raises(ValueError, match=r"a/checksums.json: expected a list of checksums"):
            runs.load_run(tmp_path / "a")


def test_a_full_disk_leaves_the_former_settings(tmp_path, monkeypatch):
    run = make(tmp_path, "a")
    write_text = Path.write_text

    def full(path, text, **how):
        write_text(path, text[:100], **how)
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    settings = changed(run.preset, epochs=7)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            runs.replace_preset(run, settings)
    assert runs.load_run(tmp_path / "a").preset == run.preset
    assert not list((tmp_path / "a").glob("new-*"))


def test_a_run_without_weights_says_how_to_get_them(tmp_path):
    runs.create_run(PRESET, CODEC, "a", runs=tmp_path)
    with pytest.raises(ValueError, match=r"no weights yet.*bach-tf train --resume"):
        runs.load_trained_run(tmp_path / "a")


def test_an_unknown_architecture_lists_the_choices(tmp_path):
    with pytest.raises(ValueError, match=r"Unknown architecture 'gnu'. Choose from: .*gru"):
        runs.create_run(changed(PRESET, architecture="gnu"), CODEC, "a", runs=tmp_path)
    assert not (tmp_path / "a").exists()


def test_making_a_run_leaves_the_generators_of_the_caller_alone(tmp_path):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the caller's
    tf.random.set_seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).rand()
    drawn = tf.random.uniform([]).numpy()
    tf.random.set_seed(1)
    one, other = (runs.create_run(PRESET, CODEC, name, runs=tmp_path) for name in ("one", "other"))
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002
    assert tf.random.uniform([]).numpy() == drawn
    for ours, theirs in zip(one.model.get_weights(), other.model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


PIECES = [[[33, 30, 26, 20], [33, 30, 26, 18]], [[30, 26, 20, 10]]]


def remembering(tmp_path):
    """Return a small run of the shipped model's preset, which looks things up in `PIECES`."""
    tiny = {"layers": 1, "units": 8, "heads": 2, "feed_forward": 8, "decoder": 8, "embedding": 4}
    settings = {**PRESETS["chorale"].model.settings, **tiny}
    assert settings["memory"] is True
    codec = SatbCodec(lowest=50, highest=80, order=settings["order"])
    memory = Memory([np.array(piece) for piece in PIECES]).to_text()
    preset = changed(PRESETS["chorale"], model=settings)
    run = runs.create_run(preset, codec, "a", runs=tmp_path, memory=memory)
    runs.save_weights(run)
    return run


def test_a_run_keeps_what_its_model_looks_things_up_in(tmp_path):
    run = remembering(tmp_path)
    again = runs.load_trained_run(tmp_path / "a")
    assert [piece.tolist() for piece in again.model.memory.pieces] == PIECES
    assert again.memory == run.memory
    np.testing.assert_array_equal(weights_of(again), weights_of(run))


@pytest.mark.parametrize(
    "arrays",
    [
        {"notes": np.array([[1, 2]], object)},  # would be executed
        {"notes": np.zeros((3, 4), np.float32)},
        {"notes": np.zeros((3, 5), np.uint8)},
        {"others": np.zeros((3, 4), np.uint8)},
        None,
        b"",
        b"PK\x03\x04 and no more",
    ],
)
def test_a_memory_of_something_else_is_refused_by_name(tmp_path, arrays):
    path = tmp_path / "memory.npz"
    if isinstance(arrays, dict):
        np.savez(path, **arrays)
    elif arrays is not None:
        path.write_bytes(arrays)
    with pytest.raises(ValueError, match=r"memory\.npz: expected"):
        read_memory(path)
