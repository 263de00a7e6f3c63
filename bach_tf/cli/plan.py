"""What `bach-tf generate` is to do: all that can be checked before a note is composed."""

from __future__ import annotations

import secrets
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bach_tf.composing.primers import FROM_CORPUS, check_room, find_primer, read_prompt, steps_of
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
    rendition = Rendition(
        tempo_qpm=preset.music.tempo_qpm if args.tempo is None else args.tempo,
        program=preset.music.program if program is None else program,
    )
    how = _wishes(preset, codec, args)
    check_room_in(endings, codec, how["length"], rendition.tempo_qpm)
    if args.primer != FROM_CORPUS:
        how["prompt"] = np.array([codec.START], np.int32)
        if args.primer is not None:
            how["prompt"] = read_prompt(codec, args.primer, args.primer_length)
        check_room(codec, how["prompt"], how["length"])
    return Job(folder, how, endings, rendition)


def _wishes(preset, codec, args: Namespace) -> dict:
    """Return how pieces are to be written: as the arguments say, or else the run's preset.

    Raises:
        ValueError: several pieces that would be the same, or a piece that may end nowhere.
    """
    how = {
        "length": steps_of(codec, args.length, args.bars, preset.music.length),
        "min_length": steps_of(codec, None, args.min_bars, preset.music.min_length),
        "temperature": preset.music.temperature if args.temperature is None else args.temperature,
        "num_outputs": args.num_outputs,
        "top_k": args.top_k,
        "top_p": args.top_p,
        "seed": secrets.randbelow(2**31) if args.seed is None else args.seed,
    }
    if args.min_bars is not None and how["min_length"] > how["length"]:
        raise ValueError(
            f"--min-bars {args.min_bars} is longer than the piece, which is to have "
            f"{how['length'] / codec.steps_per_bar:g} bars at most. Ask for a longer one."
        )
    if args.num_outputs > 1 and (how["temperature"] == 0 or args.top_k == 1):
        greedy = "--temperature 0" if how["temperature"] == 0 else "--top-k 1"
        raise ValueError(
            f"{greedy} always takes the likeliest note: the {args.num_outputs} pieces would be "
            "the same. Leave out --num-outputs, or choose a temperature above 0 and no --top-k 1."
        )
    return how
