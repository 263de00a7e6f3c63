import pytest

from bach_tf.theory.note_names import note_name, note_number


def test_every_pitch_has_a_name_and_a_name_its_pitch():
    names = [note_name(pitch) for pitch in range(128)]
    assert len(set(names)) == 128
    assert [note_number(name) for name in names] == list(range(128))
    assert names[:2] + names[58:63] + names[-1:] == [
        "C-1", "C#-1", "A#3", "B3", "C4", "C#4", "D4", "G9",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "pitch"),
    [("Bb3", 58), ("Cb4", 59), ("B#3", 60), ("E#4", 65), ("0", 0), ("60", 60), ("127", 127)],
)
def test_other_spellings(name, pitch):
    assert note_number(name) == pitch


@pytest.mark.parametrize(
    "name",
    ["", "C", "H2", "c4", "C##4", "C10", "G#9", "Cb-1", "128", "-1", "+3", "6.5", "٦٠", "C٤"],
)
def test_what_is_no_note_is_refused(name):
    with pytest.raises(ValueError, match=r"Expected a note such as C4.*Received: '") as caught:
        note_number(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("pitch", [-1, 128])
def test_what_is_no_pitch_is_refused(pitch):
    with pytest.raises(ValueError, match=rf"A pitch must be in 0\.\.127\. Received: {pitch}"):
        note_name(pitch)
