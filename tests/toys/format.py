"""A format: the pitches as text, a line each."""

from bach_tf.formats import Writer


def write_pitches(score, path, rendition):
    path.write_text("\n".join(map(str, score.pitch)) + "\n")


WRITER = Writer(write_pitches)
