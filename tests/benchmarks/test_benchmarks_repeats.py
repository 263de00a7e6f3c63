import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.learning import runs
from bach_tf.recipes import PRESETS
from benchmarks import repeats

CODEC = SatbCodec(lowest=55, highest=70)


def test_what_repeats_is_counted():
    bar = np.random.default_rng(0).integers(4, 20, (8, 4))
    chords = np.concatenate([bar, bar, bar[:4] + 1])[None].astype(np.int32)
    lengths, goes_on = repeats.repeated(chords)
    assert lengths.tolist() == [0] * 9 + [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0]
    assert goes_on[9:16].all()
    assert not goes_on[16]


def test_the_table_holds_every_step_once(tmp_path):
    run = runs.create_run(PRESETS["wavenet"], CODEC, "fresh", runs=tmp_path)
    piece = np.tile(np.random.default_rng(0).integers(4, 20, 32), 4)
    pieces = [np.concatenate([[1], piece, [2]]).astype(np.int32)] * 2
    rows = repeats.measure(run, pieces)
    assert rows.shape == (64, 3)
    table = [line.split(" | ") for line in repeats.format_table(rows).splitlines()[2:]]
    counts = [int(cells[1]) for cells in table]
    assert sum(counts[:-1]) == counts[-1] == 64
    # The first bar of each piece and the step behind it repeat nothing.
    assert counts[0] == 2 * 9
    assert table[-1][2] == f"{rows[:, 1].mean() / 4:.3f}"
