"""The command: `bach-tf render FILE.mid --format wav,pdf`."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf.cli.inputs import files_at
from bach_tf.cli.options import add_output_options, add_reading
from bach_tf.cli.parser import USER_MISTAKE, Parser, real
from bach_tf.cli.talk import Talk, complain
from bach_tf.formats import READERS, WRITERS, check_formats, read, write
from bach_tf.formats.reading import GRIDS
from bach_tf.formats.rendition import SYNTHESISERS, Rendition
from bach_tf.score import Score
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO, find_program
from bach_tf.theory.tunings import (
    CONCERT_PITCH_HZ,
    HIGHEST_REFERENCE_HZ,
    LOWEST_REFERENCE_HZ,
    TUNINGS,
)


def work(args: argparse.Namespace, talk: Talk) -> int:
    """Write pieces in other formats, and print the names of the new files.

    As JSON: `files` that were written; `errors`, a sentence for each piece that could not be
    written in every format; and `warnings` about files that were corrected or ambiguous.

    Returns:
        0, or 2 if a piece could not be read or written; the others are still written.

    Raises:
        ValueError: if an argument is wrong; nothing is written then.
    """
    endings = _endings(args)
    rendition = _rendition(args)
    grid = choose(GRIDS, args.grid, "grid")
    plan = _plan(args, endings)
    written, errors, warnings = [], [], []
    for file, paths in plan.items():
        try:
            piece = read(file, grid, args.strict, unfold=args.unfold, tune=args.tune)
            warnings += piece.warnings
            score = piece.score
            _check_tempo(score, rendition)
            for path in paths:
                write(score, path, rendition)
                written.append(str(path))
                talk.say(str(path))
        except ValueError as error:
            errors.append(str(error) if file.name in str(error) else f"{file}: {error}")
            complain(talk.program, errors[-1])
    if errors and len(plan) > 1:
        count = f"{len(errors)} of {len(plan)}"
        complain(talk.program, f"{count} pieces could not be written in every format.")
    talk.finish({"files": written, "errors": errors, "warnings": warnings}, written)
    return USER_MISTAKE if errors else 0


def _rendition(args: argparse.Namespace) -> Rendition:
    """Return how the pieces are rendered: as in their files, unless requested otherwise."""
    return Rendition(
        tempo_qpm=args.tempo,
        program=None if args.program is None else find_program(args.program),
        synthesiser=args.synthesiser,
        tuning=args.tuning,
        reference_hz=args.reference,
    )


def _check_tempo(score: Score, rendition: Rendition) -> None:
    """Raise `ValueError` if a file has an impossible tempo."""
    try:
        rendition.tempi_of(score)
    except ValueError:
        raise ValueError(
            f"expected a tempo of {LOWEST_TEMPO}..{HIGHEST_TEMPO} quarter notes per minute, got "
            f"{score.tempi[0][1]:g}. Choose one with --tempo"
        ) from None


def _names_a_file(output: Path | None) -> bool:
    """Return whether `--output` is the name of a file instead of a folder's."""
    return output is not None and output.suffix.lower() in WRITERS and not output.is_dir()


def _endings(args: argparse.Namespace) -> list[str]:
    """Return the endings of the new files: those of `--format`, after that of `--output`."""
    named = [args.output.suffix] if _names_a_file(args.output) else []
    asked = [] if args.format is None else [args.format]
    if not named and not asked:
        raise ValueError(
            "No format. Choose some with --format, such as --format wav,pdf, or name the new file "
            "with --output, such as --output piece.wav."
        )
    return check_formats(",".join([*named, *asked]))


def _plan(args: argparse.Namespace, endings: list[str]) -> dict[Path, list[Path]]:
    """Return the files to write for each piece; none of them may be one of the pieces."""
    files = [file for path in args.files for file in files_at(path)]
    plan = {}
    for file in files:
        if _names_a_file(args.output):
            stem = args.output.with_suffix("")
        else:
            stem = (file.parent if args.output is None else args.output) / file.stem
        plan[file] = [stem.with_name(f"{stem.name}{ending}") for ending in endings]
    paths = [path for paths in plan.values() for path in paths]
    for path, times in Counter(paths).items():
        if path.exists() and any(file.exists() and path.samefile(file) for file in files):
            raise ValueError(
                f"{path} is the input itself. Choose another --format, or a folder with --output."
            )
        if times > 1:
            raise ValueError(
                f"{times} pieces would be written to {path}. Rename the files, or render them "
                "one by one, each into its own folder with --output."
            )
    return plan


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s FILE [FILE ...] [--format LIST] [--output PATH] [options]",
        description="Convert pieces, such as MIDI or MusicXML files, to other formats.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    files = f"{', '.join(READERS)} files, or a folder of them"
    add("files", type=Path, nargs="+", metavar="FILE", help=files)
    formats = ", ".join(ending.removeprefix(".") for ending in WRITERS)
    add("--format", metavar="LIST", help=f"any of: {formats}")
    about = "a folder (default: the file's own), or the new file, such as piece.wav"
    add("--output", type=Path, metavar="PATH", help=about)
    tempo = real(LOWEST_TEMPO, HIGHEST_TEMPO)
    add(
        "--tempo",
        type=tempo,
        metavar="QPM",
        help="quarter notes per minute (default: the file's)",
    )
    add("--program", metavar="NAME", help="General MIDI name or 0..127 (default: the file's)")
    synthesisers = f"one of: {', '.join(SYNTHESISERS)}"
    add("--synthesiser", default="auto", metavar="NAME", help=synthesisers)
    add("--tuning", default="equal", metavar="NAME", help=f"tuning of sound: {', '.join(TUNINGS)}")
    reference = real(LOWEST_REFERENCE_HZ, HIGHEST_REFERENCE_HZ)
    about = "frequency of A4, such as 415"
    add("--reference", type=reference, default=CONCERT_PITCH_HZ, metavar="HZ", help=about)
    grids = f"grid of the notes: {', '.join(GRIDS)}"
    add("--grid", default="auto", metavar="NAME", help=grids)
    add_reading(parser, "notated pieces")
    add("--strict", action="store_true", help="refuse files with recoverable faults")
    add_output_options(parser, quiet="print only the names of the new files", uses_tensorflow=False)
    return parser


EXAMPLES = """\
examples:
  %(prog)s piece.mid --format wav,pdf
  %(prog)s tune.abc --output tune.mid
  %(prog)s folder --format ogg --tuning werckmeister3
"""
