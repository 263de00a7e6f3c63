import pytest

from bach_tf.theory.instruments import PROGRAMS, find_program


def test_the_sound_set_has_128_names():
    assert len(PROGRAMS) == len({name.lower() for name in PROGRAMS}) == 128
    # The first of each of the 16 families.
    assert PROGRAMS[::8] == (
        "Acoustic Grand Piano",
        "Celesta",
        "Drawbar Organ",
        "Acoustic Guitar (nylon)",
        "Acoustic Bass",
        "Violin",
        "String Ensemble 1",
        "Trumpet",
        "Soprano Sax",
        "Piccolo",
        "Lead 1 (square)",
        "Pad 1 (new age)",
        "FX 1 (rain)",
        "Sitar",
        "Tinkle Bell",
        "Guitar Fret Noise",
    )
    assert PROGRAMS[-1] == "Gunshot"


@pytest.mark.parametrize("program", range(128))
def test_every_program_is_found_by_name_and_number(program):
    assert find_program(PROGRAMS[program]) == program
    assert find_program(str(program)) == program


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("Church Organ", 19),
        (" church organ\n", 19),
        ("CHURCH", 19),
        ("harpsi", 6),
        ("choir a", 52),
        ("trumpet", 56),  # though "Muted Trumpet" has it too
        ("007", 7),
    ],
)
def test_what_people_type(text, program):
    assert find_program(text) == program


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("kazoo", "a number in 0..127 or a name"),
        ("", "a number in 0..127 or a name"),
        ("   ", "a number in 0..127 or a name"),
        ("128", "a number in 0..127 or a name"),
        ("-1", "a number in 0..127 or a name"),
        ("1.0", "a number in 0..127 or a name"),
        ("²", "a number in 0..127 or a name"),
        ("organ", "Drawbar Organ, Percussive Organ, Rock Organ, Church Organ, Reed Organ"),
        ("sax", "Soprano Sax, Alto Sax, Tenor Sax, Baritone Sax"),
    ],
)
def test_what_names_no_single_program(text, choices):
    with pytest.raises(ValueError, match="Unknown General MIDI program") as error:
        find_program(text)
    assert str(error.value) == f"Unknown General MIDI program {text!r}. Choose from: {choices}."


def test_a_number_of_thousands_of_digits_is_no_program():
    with pytest.raises(ValueError, match="Unknown General MIDI program"):
        find_program("9" * 5000)
