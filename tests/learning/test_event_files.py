"""Event files after a kill: no gap, nothing twice."""

from bach_tf.learning.event_files import drop_later_events, event_sizes


def test_what_was_written_after_a_checkpoint_is_cut_off(tmp_path):
    first, second = (tmp_path / name / "events.out.tfevents.1.a" for name in ("train", "valid"))
    for path in (first, second):
        path.parent.mkdir()
        path.write_bytes(b"kept")
    (tmp_path / "history.csv").write_bytes(b"row")
    sizes = event_sizes(tmp_path)
    assert sizes == {"train/events.out.tfevents.1.a": 4, "valid/events.out.tfevents.1.a": 4}
    with first.open("ab") as file:
        file.write(b" and half a record")
    later = first.with_name("events.out.tfevents.2.a")
    later.write_bytes(b"later")
    (tmp_path / "history.csv").write_bytes(b"rows")
    drop_later_events(tmp_path, sizes)
    assert (first.read_bytes(), second.read_bytes()) == (b"kept", b"kept")
    assert not later.exists()
    assert (tmp_path / "history.csv").read_bytes() == b"rows"


def test_files_that_lost_their_end_are_left_alone(tmp_path):
    path = tmp_path / "events.out.tfevents.1.a"
    path.write_bytes(b"ab")
    drop_later_events(tmp_path, {path.name: 4})  # after a power cut
    assert path.read_bytes() == b"ab"
