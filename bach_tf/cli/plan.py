"""What `bach-tf generate` is to do: all that can be checked before a note is composed."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bach_tf.composing.fitting import Fit
from bach_tf.composing.options import make_rendition, resolve_options
from bach_tf.composing.primers import FROM_CORPUS, check_room, find_primer, read_prompt, with_metre
from bach_tf.formats import check_formats, check_room_in
from bach_tf.formats.files import check_folder
from bach_tf.formats.rendition import Rendition
from bach_tf.learning.runs import find_run, load_settings
from bach_tf.theory.instruments import find_program


@dataclass(frozen=True)
class Job:
    """What the arguments ask for, checked.

    Args:
        run: the folder.
        how: what `generate_batches` takes; without a prompt where the corpus gives it.
        endings: of the files.
        rendition: how they are to be written.
    """

    run: Path
    how: dict
    endings: list[str]
    rendition: Rendition


def plan(args: Namespace) -> Job:
    """Check all that can be checked before TensorFlow is loaded, and a note composed.

    Raises:
        ValueError: an argument that does not fit the others, the run, the formats or the system.
    """
    program = None if args.program is None else find_program(args.program)
    endings = check_formats(args.format)
    check_folder(args.output)
    if args.primer is not None:
        find_primer(args.primer)
    folder = find_run(args.run, recipe=args.model)
    preset, codec = load_settings(folder)
    rendition = make_rendition(preset.music, args.tempo, program)
    how = resolve_options(preset.music, codec, vars(args))
    check_room_in(endings, codec, how["length"], rendition.tempo_qpm)
    if args.primer != FROM_CORPUS:
        how["prompt"] = np.array([codec.START], np.int32)
        if args.primer is not None:
            fit = Fit(args.quantize, args.transpose, args.strict)
            how["prompt"] = read_prompt(codec, args.primer, args.primer_length, fit)
        how["prompt"] = with_metre(codec, how["prompt"], args.metre)
        check_room(codec, how["prompt"], how["length"])
    return Job(folder, how, endings, rendition)
