"""What the chorale model finds in other pieces."""

from collections import Counter, defaultdict

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from stepping import stepped_logits

from bach_tf.codecs import SatbCodec
from bach_tf.models import MODELS, contexts, index_files, memory, repeats
from bach_tf.models.contexts import ALONE, BELOW, CHORD, OWN, UNISON
from bach_tf.models.memory import Memory
from bach_tf.models.memory_index import SUPPORTS, VALUES, Index
from bach_tf.models.whole_pieces import Rows

START, SILENT = SatbCodec.START, SatbCodec.SILENT
SMALL = {"layers": 1, "units": 16, "heads": 2, "feed_forward": 16, "decoder": 16, "embedding": 8}
FULL = {**SMALL, "rules": True, "order": [0, 3, 1, 2], "moved_notes": 0.1, "context": 7, "lags": 3}


def piece_of(numbers, steps=24, lowest=SILENT, highest=8):
    """Return a piece that holds its notes for a while: int32 `(steps, 4)`."""
    notes = numbers.integers(lowest, highest, (steps, 4))
    held = numbers.random((steps, 4)) < 0.5
    for step in range(1, steps):
        notes[step] = np.where(held[step], notes[step - 1], notes[step])
    return notes.astype(np.int32)


LARGE_TABLES = ("_BASE", "_MIX", "_SALTS", "_FACTORS", "_POWERS", "_HELD")


def look_up(memory_of, piece):
    """Return what is found for each step of a piece, and one behind: int32 `(T + 1, 4, 3)`."""
    return memory_of.found_for([piece])[0]


def contexts_of(pieces):
    """Return what `contexts.named` says of pieces of one length, and of the step behind each.

    Names `(R, 4, 24, 2)` and which there are, `(R, 4, 24)`.
    """
    chords = np.pad(pieces, ((0, 0), (0, 1), (0, 0)))
    last = np.pad(chords[:, :-1], ((0, 0), (1, 0), (0, 0)), constant_values=START)
    last, chords = (ops.convert_to_tensor(x, "int32") for x in (last, chords))
    named = contexts.named(last, chords, repeats.held_lengths(chords))
    return [ops.convert_to_numpy(x) for x in named]


def distance(lower, upper):
    """Return how far one id is from another, or a word for why that cannot be said."""
    if lower == START:
        return "begin"
    if min(lower, upper) < SILENT or lower == upper == SILENT:
        return "unclear"
    if SILENT in (lower, upper):
        return "to silence" if upper == SILENT else "from silence"
    return upper - lower


def move(piece, step, voice):
    """Return what a voice does at a step, 0 where it holds its note."""
    if step == 0:
        return "begin"
    before, now = piece[step - 1][voice], piece[step][voice]
    return 0 if before == now else distance(before, now)


def passage(piece, step, voice, changes):
    """Return what a voice has done since so many changes ago; `None` if it has not so many."""
    done = []
    while changes and step >= 0:
        done.append(move(piece, step, voice))
        changes -= done[-1] != 0
        step -= 1
    return None if changes else tuple(done)


def plain_names(piece, step, voice):
    """Return the contexts of each kind, the deepest last, in which a voice writes a step."""
    last = piece[step - 1] if step else [START] * 4
    own = [passage(piece, step - 1, voice, changes) for changes in OWN]
    counting = {CHORD: (1, 2, 3), ALONE: (max(voice, 1),)}
    known = tuple(distance(piece[step][0], piece[step][v]) for v in range(1, voice))

    def below(changes, counts):
        then = tuple(distance(last[0], last[v]) for v in counting.get(counts, ()))
        done = passage(piece, step - 1 if voice == 0 else step, 0, changes)
        return None if done is None else (done, then, known)

    return own, *([below(*context) for context in kind] for kind in BELOW)


def plain_values(piece, step, voice):
    """Return what follows each kind of context, a number or "to silence"; `None` for nothing."""
    own = move(piece, step, voice)
    below = own if voice == 0 else distance(piece[step][0], piece[step][voice])
    every = (own, below, below)
    return [x if x == "to silence" or not isinstance(x, str) else None for x in every]


def coded(value, kind, voice):
    """Return a value as the index has it."""
    if value == "to silence":
        return contexts.SILENCED
    return contexts.HOLD if value == 0 and (kind == 0 or voice == 0) else value + UNISON


def plain_look_up(pieces, asking):
    """Return what `look_up` does, with dictionaries of what stands in the pieces."""
    seen = defaultdict(lambda: defaultdict(set))
    for number, piece in enumerate(pieces):
        for step, voice in np.ndindex(len(piece), 4):
            follows = plain_values(piece, step, voice)
            for kind, names in enumerate(plain_names(piece, step, voice)):
                for level, name in enumerate(names):
                    if name is not None and follows[kind] is not None:
                        value = coded(follows[kind], kind, voice)
                        seen[voice, kind, level, name][value].add(number)
    behind = np.concatenate([asking, np.zeros((1, 4), np.int32)])
    found = np.zeros((len(behind), 4, 3), np.int64)
    for step, voice in np.ndindex(*found.shape[:2]):
        for kind, names in enumerate(plain_names(behind, step, voice)):
            for level, name in enumerate(names):
                what = seen.get((voice, kind, level, name))
                if what and name is not None:
                    found[step, voice, kind] = most_of(what, level)
    return found


def most_of(what, level):
    """Return what most pieces do, of equally many the lowest, and how sure that is."""
    counts = Counter({value: len(pieces) for value, pieces in what.items()})
    best = max(counts.values())
    value = min(value for value, count in counts.items() if count == best)
    total = counts.total()
    support = (0 if total == 1 else 1) if best == total else (2 if 3 * best >= 2 * total else 3)
    return (1 + level * SUPPORTS + support) * VALUES + value


seeds = st.integers(0, 2**31)


@settings(max_examples=4, deadline=None)
@given(seeds)
def test_what_is_found_is_what_a_plain_search_finds(seed):
    numbers = np.random.default_rng(seed)
    pieces = [piece_of(numbers) for _ in range(4)]
    asking = np.concatenate([pieces[0][:14], piece_of(numbers, 8)])
    found = look_up(Memory(pieces), asking)
    np.testing.assert_array_equal(found, plain_look_up(pieces, asking))


@settings(max_examples=3, deadline=None)
@given(seeds)
def test_a_piece_does_not_find_itself(seed):
    numbers = np.random.default_rng(seed)
    pieces = [piece_of(numbers, steps) for steps in (20, 13, 30, 9)]
    pieces[2][5:15] = pieces[0][3:13]
    found = Memory(pieces).in_other_pieces()
    for number, piece in enumerate(pieces):
        others = Memory(pieces[:number] + pieces[number + 1 :])
        np.testing.assert_array_equal(found[number], look_up(others, piece))


@settings(max_examples=3, deadline=None)
@given(seeds)
def test_a_piece_finds_no_copy_of_itself_in_any_key(seed):
    numbers = np.random.default_rng(seed)
    one, two, three = (piece_of(numbers, steps) for steps in (20, 13, 30))
    higher = np.where(one > SILENT, one + 5, one)
    silence = np.full((4, 4), SILENT, np.int32)
    later = np.concatenate([silence, higher, silence])
    found = Memory([one, two, higher, three, later, one]).in_other_pieces()
    for number in (0, 2, 4, 5):
        pieces = [one, two, higher, three, later, one]
        expected = look_up(Memory([two, three]), pieces[number])
        np.testing.assert_array_equal(found[number], expected)
    # To others, all copies are one piece.
    others = Memory([one, two, one, three, one]).in_other_pieces()
    np.testing.assert_array_equal(others[1], look_up(Memory([one, three]), two))


def test_copies_count_once_in_the_index():
    numbers = np.random.default_rng(1)
    one, two, asking = (piece_of(numbers, lowest=SILENT + 1) for _ in range(3))
    with_copies = Memory([one, two, one + 3, one])
    np.testing.assert_array_equal(look_up(with_copies, asking), look_up(Memory([one, two]), asking))


@settings(max_examples=4, deadline=None)
@given(seeds)
def test_a_graph_names_and_finds_what_whole_pieces_do(seed):
    numbers = np.random.default_rng(seed)
    pieces = np.stack([piece_of(numbers, 70) for _ in range(3)])
    pieces[1, 20:60, numbers.integers(4)] = 5  # held for longer than is counted
    names, there = contexts_of(pieces)
    rows = Rows(pieces)
    for each in rows.contexts():
        part = slice(8 * each.kind, 8 * each.kind + 8)
        own = there[:, each.voice, part] > 0
        np.testing.assert_array_equal(each.there, own)
        hashes = each.keys.view(np.int32).reshape(-1, 8, 2)
        np.testing.assert_array_equal(hashes[own], names[:, each.voice, part][own])
    other = Memory([*pieces[:2, :30], pieces[2, 40:]])
    found = ops.convert_to_numpy(other.index.look_up(*map(ops.convert_to_tensor, (names, there))))
    np.testing.assert_array_equal(found, np.concatenate(other.found_for(pieces)))


def test_no_name_is_computed_beyond_32_bits(monkeypatch):
    """Runtimes differ in what becomes of larger numbers; NumPy counts to 64 bits here."""
    pieces = np.stack([piece_of(np.random.default_rng(seed), 70) for seed in range(3)])
    small = [(each.keys, each.there) for each in Rows(pieces).contexts()]
    tables = {name: value for name, value in vars(contexts).items() if name in LARGE_TABLES}
    for name in LARGE_TABLES:
        monkeypatch.setattr(contexts, name, tables[name].astype(np.int64))
    rows = Rows(pieces)
    rows.steps = rows.steps.astype(np.int64)
    for (keys, there), each in zip(small, rows.contexts(), strict=True):
        np.testing.assert_array_equal(keys[there], each.keys[there])


def test_a_passage_is_found_in_another_key():
    numbers = np.random.default_rng(0)
    pieces = [piece_of(numbers, lowest=SILENT + 1) for _ in range(3)]
    found = look_up(Memory(pieces), pieces[1] + 5)
    np.testing.assert_array_equal(found, look_up(Memory(pieces), pieces[1]))
    # All of it is there, so that everything is foreseen but the step behind the piece.
    moved = pieces[1] + 5
    last = before(moved)[:-1]
    below = np.where([True, False, False, False], last, moved[:, :1])
    ids, kinds = memory.follow(found[:-1], last, below, 40)
    deep = ops.convert_to_numpy(kinds) > SUPPORTS * OWN.index(4)
    right = ops.convert_to_numpy(ids) == moved[..., None]
    assert right[deep].all()
    assert deep[8:].mean() > 0.9


def before(piece):
    return np.concatenate([np.full((1, 4), START, np.int32), piece])


def test_a_find_outside_the_vocabulary_is_none():
    found = np.full((1, 4, 3), VALUES + UNISON + 3, np.int32)
    last = np.array([[17, 16, SILENT, START]], np.int32)
    follow = memory.follow
    ids, kinds = (ops.convert_to_numpy(x) for x in follow(found, last, last[:, [0] * 4], 20))
    # The first kind counts from the voice's own note, the others from the first voice.
    assert ids[0].tolist() == [[17] * 3, [19, 16, 16], [SILENT] * 3, [START] * 3]
    assert kinds[0].tolist() == [[0] * 3, [1, 0, 0], [0] * 3, [0] * 3]


def test_notes_of_two_bars_end_a_context():
    piece = np.full((80, 4), 5, np.int32)
    piece[1:40] = 6
    own = contexts_of(piece[None])[1][:, 0, :8]  # (81, 8)
    assert own[32].tolist() == [1, 1, *[0] * 6]  # 6 is held for 31 steps
    assert not own[33:41].any()
    assert own[41].tolist() == [1, *[0] * 7]


def test_a_memory_survives_as_text():
    pieces = [piece_of(np.random.default_rng(seed), seed + 1) for seed in range(5)]
    again = Memory.from_text(Memory(pieces).to_text())
    assert [piece.tolist() for piece in again.pieces] == [piece.tolist() for piece in pieces]
    assert Memory.from_text("").pieces == []


@pytest.mark.parametrize("text", ["%", "aGVsbG8=", "eJxLBAAAYgBi"])
def test_a_text_of_something_else(text):
    with pytest.raises(ValueError, match="Expected the text of a memory"):
        Memory.from_text(text)


def test_an_empty_memory_finds_nothing():
    assert not look_up(Memory([]), piece_of(np.random.default_rng(0))).any()


@pytest.fixture(scope="module")
def remembering():
    """Return a model that makes much of its memory, and pieces like those in it: `(2, 1 + 4 T)`."""
    numbers = np.random.default_rng(1)
    pieces = [piece_of(numbers, 40) for _ in range(6)]
    keras.utils.set_random_seed(0)
    model = MODELS["chorale"].load()(20, **FULL, memory=Memory(pieces).to_text())
    long = np.concatenate([piece_of(numbers, 3), np.full((36, 4), 5), pieces[2][10:15]])
    both = np.stack([np.concatenate([pieces[0][:30], piece_of(numbers, 14)]), long])
    ids = np.concatenate([np.full((2, 1), START), both.reshape(2, -1)], axis=1).astype(np.int32)
    model(ids)
    for weight in model.trainable_weights:
        weight.assign(weight + numbers.normal(size=weight.shape) * 0.3)
    return model, ids


def test_a_step_at_a_time_finds_the_same(remembering):
    model, ids = remembering
    np.testing.assert_allclose(stepped_logits(model, ids), model(ids), atol=1e-4)


def test_nothing_is_looked_up_by_later_notes(remembering):
    model, ids = remembering
    logits = ops.convert_to_numpy(model(ids))
    positions = (1, 2, 3, 4, 43, 90, 151)
    variants = np.tile(ids, (len(positions), 1, 1))
    for changed, position in zip(variants, positions):
        changed[:, position:] = 3 + (ids[:, position:] + 1) % 9
    afterwards = ops.convert_to_numpy(model(variants.reshape(-1, ids.shape[1])))
    for after, position in zip(afterwards.reshape(len(positions), *logits.shape), positions):
        np.testing.assert_allclose(after[:, :position], logits[:, :position], atol=1e-4)
        assert not np.allclose(after[:, position:], logits[:, position:], atol=1e-3)


def test_finds_may_be_given(remembering):
    model, ids = remembering
    found = np.stack(model.memory.found_for(ids[:, 1:].reshape(2, -1, 4)))
    given = ops.convert_to_numpy(model((ids, ops.convert_to_tensor(found))))
    np.testing.assert_allclose(given, model(ids), atol=1e-5)
    nothing = ops.convert_to_numpy(model((ids, ops.zeros_like(found))))
    assert not np.allclose(nothing, given, atol=1e-2)


def test_a_model_in_a_file_has_its_memory(remembering, tmp_path):
    model, ids = remembering
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(ids), model(ids), atol=1e-5)


def test_an_index_is_made_when_it_is_needed(remembering):
    model, ids = remembering
    memory_of = Memory(model.memory.pieces[1:])
    fresh = MODELS["chorale"].load()(20, **FULL, memory=memory_of.to_text())
    fresh((ids[:1, :9], ops.zeros((1, 3, 4, 3), "int32")))
    assert "index" not in vars(fresh.memory)


def test_an_index_may_be_made_while_a_graph_is(remembering):
    model, _ = remembering
    memory_of = Memory(model.memory.pieces)
    given = [*map(ops.convert_to_tensor, contexts_of(np.stack(memory_of.pieces)))]
    found = tf.function(lambda *given: memory_of.index.look_up(*given))(*given)
    np.testing.assert_array_equal(found, memory_of.index.look_up(*given))  # no tensor of a graph


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Return a large memory, whose index is kept in an empty folder, and that folder."""
    monkeypatch.setenv("BACH_TF_HOME", str(tmp_path))
    monkeypatch.setattr(index_files, "LARGE", 20)
    pieces = [piece_of(np.random.default_rng(3)), piece_of(np.random.default_rng(4), 40)]
    return pieces, tmp_path / index_files.FOLDER


def refuse(rows):
    raise AssertionError("an index is made")


def test_an_index_is_kept_for_later_starts(kept, monkeypatch):
    pieces, folder = kept
    found = Memory(pieces).found_for(pieces)
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(Index, "of", refuse)
    for mine, again in zip(found, Memory(pieces).found_for(pieces), strict=True):
        np.testing.assert_array_equal(mine, again)
    with pytest.raises(AssertionError, match="an index is made"):
        Memory(pieces[::-1]).found_for(pieces)  # other pieces have another index


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "others"])
def test_a_damaged_index_is_made_again(kept, damage, monkeypatch):
    pieces, folder = kept
    found = Memory(pieces).found_for(pieces)
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "others":
        np.savez(path, starts=np.zeros(3, np.int32))
    else:
        content[1000] ^= 255
        path.write_bytes({"cut": content[:1500], "flipped": content, "empty": b""}[damage])
    for mine, again in zip(found, Memory(pieces).found_for(pieces), strict=True):
        np.testing.assert_array_equal(mine, again)
    assert [each.name for each in folder.iterdir()] == [path.name]
    monkeypatch.setattr(Index, "of", refuse)
    Memory(pieces).found_for(pieces)  # and is whole again


def test_an_index_that_cannot_be_kept_is_used_all_the_same(kept):
    pieces, folder = kept
    folder.write_text("no folder")
    assert Memory(pieces).found_for(pieces)[0].any()
