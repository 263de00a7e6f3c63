import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bach_tf import runs, weight_files
from bach_tf.codecs import SatbCodec
from bach_tf.presets import PRESETS

CODEC = SatbCodec(lowest=50, highest=80)
PRESET = replace(PRESETS["gru"], model={**PRESETS["gru"].model, "units": 4, "layers": 1})


def weights_of(run):
    return np.concatenate([weights.ravel() for weights in run.model.get_weights()])


def make(tmp_path, name, **changes):
    run = runs.create_run(replace(PRESET, **changes), CODEC, name, runs=tmp_path)
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
    assert json.loads((tmp_path / "a" / "preset.json").read_text())["model"]["units"] == 4


def test_fresh_weights_follow_the_seed(tmp_path):
    one, same, other = (make(tmp_path, str(n), seed=seed) for n, seed in enumerate((1, 1, 2)))
    np.testing.assert_array_equal(weights_of(one), weights_of(same))
    assert not np.allclose(weights_of(one), weights_of(other))


def test_the_newest_run_is_the_one_whose_weights_are(tmp_path):
    first = make(tmp_path, "z")
    make(tmp_path, "a")
    runs.create_run(PRESET, CODEC, "untrained", runs=tmp_path)
    assert runs.newest_run(tmp_path) == tmp_path / "a"
    runs.save_weights(first)
    assert runs.newest_run(tmp_path) == tmp_path / "z"


def test_the_newest_run_of_a_recipe(tmp_path):
    make(tmp_path, "a")
    folk = replace(PRESET, recipe="folk")
    runs.save_weights(runs.create_run(folk, CODEC, "b", runs=tmp_path))
    assert runs.newest_run(tmp_path, recipe="gru") == tmp_path / "a"
    assert runs.newest_run(tmp_path, recipe="folk") == tmp_path / "b"
    with pytest.raises(ValueError, match=r"No trained run of cello in .* --model cello"):
        runs.newest_run(tmp_path, recipe="cello")
    with pytest.raises(ValueError, match=r"Unknown model 'flute'. Choose from: cello"):
        runs.newest_run(tmp_path, recipe="flute")


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
    with pytest.raises(ValueError, match=r"No weights came with this copy .*shipped.*train.py"):
        runs.find_run("pretrained")
    with pytest.raises(ValueError, match="Unknown model 'flute'"):
        runs.find_run(recipe="flute")


def test_runs_without_a_name_do_not_collide(tmp_path):
    folders = {runs.create_run(PRESET, CODEC, runs=tmp_path).folder.name for _ in range(3)}
    assert len(folders) == 3
    assert all(name.startswith("gru-20") for name in folders)


def test_replaced_settings_stay(tmp_path):
    run = make(tmp_path, "a")
    runs.replace_preset(run, replace(run.preset, epochs=7))
    assert runs.load_run(tmp_path / "a").preset.epochs == 7


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


@pytest.mark.parametrize("name", ["../a", "a/b", "/tmp/a"])
def test_a_name_is_not_a_path(tmp_path, name):
    with pytest.raises(ValueError, match="name of a folder"):
        make(tmp_path, name)


def test_no_run_yet(tmp_path):
    with pytest.raises(ValueError, match=r"No trained run in .*python train.py"):
        runs.newest_run(tmp_path)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match=r"Expected a run folder with preset.json"):
        runs.load_run(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [("preset.json", "{"), ("codec.json", "[]"), ("codec.json", "{}"), ("preset.json", "{}")],
)
def test_a_damaged_run_names_itself(tmp_path, file, text):
    make(tmp_path, "a")
    (tmp_path / "a" / file).write_text(text)
    with pytest.raises(ValueError, match="Expected a run folder"):
        runs.load_run(tmp_path / "a")


def test_damaged_weights_name_themselves(tmp_path):
    make(tmp_path, "a")
    (tmp_path / "a" / "model.weights.h5").write_bytes(b"not weights")
    with pytest.raises(
        ValueError, match=r"model.weights.h5: .* damaged or was exchanged: .*SHA-256"
    ):
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
    make(tmp_path, "b", model={**PRESET.model, "units": 5})
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
        with pytest.raises(ValueError, match=r"model.weights.h5: .* finite numbers, got NaN"):
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

    settings = replace(run.preset, epochs=7)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            runs.replace_preset(run, settings)
    assert runs.load_run(tmp_path / "a").preset == run.preset
    assert not list((tmp_path / "a").glob("new-*"))


def test_a_run_without_weights_says_how_to_get_them(tmp_path):
    runs.create_run(PRESET, CODEC, "a", runs=tmp_path)
    with pytest.raises(ValueError, match=r"no weights yet.*python train.py --resume"):
        runs.load_trained_run(tmp_path / "a")


def test_an_unknown_architecture_lists_the_choices(tmp_path):
    with pytest.raises(ValueError, match=r"Unknown model 'gnu'. Choose from: .*gru"):
        runs.create_run(replace(PRESET, architecture="gnu"), CODEC, "a", runs=tmp_path)
    assert not (tmp_path / "a").exists()
