"""The command: `python -m bach_tf.cli.render FILE.mid --format wav,pdf`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf._basics.process import begin
from bach_tf.cli.parser import USER_MISTAKE, Parser, real
from bach_tf.cli.talk import Talk, complain, run_program
from bach_tf.formats import RENDERERS, SOUNDS, check_formats, render
from bach_tf.formats.reading import GRIDS, READERS, Piece, read_piece
from bach_tf.formats.sound.synthesis import (
    CONCERT_PITCH_HZ,
    HIGHEST_REFERENCE_HZ,
    LOWEST_REFERENCE_HZ,
    TUNINGS,
)
from bach_tf.formats.sound.writing import SYNTHESISERS, check_sound
from bach_tf.theory.instruments import find_program

PROGRAM = "python -m bach_tf.cli.render"
SLOWEST_QPM, FASTEST_QPM = 4, 1000


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    return run_program(PROGRAM, render_files, rendering_parser().parse_args(argv))


def render_files(args: argparse.Namespace, talk: Talk) -> int:
    """Write pieces in other formats, as the arguments ask, and print the names of the new files.

    Returns:
        0; 2 where a piece could not be read or written: it is named, and the others are written.

    Raises:
        ValueError: an argument that is wrong; nothing is written.
    """
    endings = check_formats(args.format)
    check_sound(args.synthesiser, args.tuning, args.reference)
    grid = choose(GRIDS, args.grid, "grid")
    program = None if args.program is None else find_program(args.program)
    plan = _plan(args, endings)
    bad = 0
    for file, paths in plan.items():
        try:
            piece = _changed(read_piece(file, grid), args.tempo, program)
            for path in paths:
                _render(piece, path, args)
                talk.say(str(path))
        except ValueError as error:
            complain(PROGRAM, error if file.name in str(error) else f"{file}: {error}")
            bad += 1
    if bad and len(plan) > 1:
        complain(PROGRAM, f"{bad} of {len(plan)} pieces could not be written in every format.")
    return USER_MISTAKE if bad else 0


def _changed(piece: Piece, tempo_qpm: float | None, program: int | None) -> Piece:
    """Return a piece with the tempo and the instrument that are asked for.

    Raises:
        ValueError: the file has a tempo that cannot be.
    """
    if tempo_qpm is not None:
        piece = replace(piece, tempo_qpm=tempo_qpm)
    if not SLOWEST_QPM <= piece.tempo_qpm <= FASTEST_QPM:
        raise ValueError(
            f"expected a tempo of {SLOWEST_QPM}..{FASTEST_QPM} quarters a minute, got "
            f"{piece.tempo_qpm:g}. Choose one with --tempo"
        )
    return piece if program is None else replace(piece, program=program, programs=())


def _render(piece: Piece, path: Path, args: argparse.Namespace) -> None:
    style = {name: getattr(piece, name) for name in ("tempo_qpm", "program", "voice_names")}
    if path.suffix in SOUNDS:
        style |= {
            "programs": piece.programs,
            "synthesiser": args.synthesiser,
            "tuning": args.tuning,
            "reference_hz": args.reference,
        }
    render(piece.score, path, **style)


def _plan(args: argparse.Namespace, endings: list[str]) -> dict[Path, list[Path]]:
    """Return what is to be written of each file; none of it may be one of the files."""
    files = [file for path in args.files for file in _pieces_at(path)]
    plan = {}
    for file in files:
        folder = file.parent if args.output is None else args.output
        plan[file] = [folder / f"{file.stem}{ending}" for ending in endings]
    paths = [path for paths in plan.values() for path in paths]
    for path, times in Counter(paths).items():
        if path.exists() and any(file.exists() and path.samefile(file) for file in files):
            raise ValueError(
                f"{path} is the piece itself. Choose another --format, or a folder with --output."
            )
        if times > 1:
            raise ValueError(
                f"{times} pieces would be written to {path}. Name their files differently, or "
                "render them one by one, each into a folder of its own with --output."
            )
    return plan


def _pieces_at(path: Path) -> list[Path]:
    """Return a file, or those in a folder that can be read."""
    kinds = ", ".join(READERS)
    if not path.exists():
        raise ValueError(f"{path} does not exist. Expected a {kinds} file, or a folder of them.")
    if not path.is_dir():
        choose(READERS, path.suffix.lower(), "kind of piece")
        return [path]
    files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in READERS]
    if not files:
        raise ValueError(f"{path}: expected a folder with {kinds} files, found none.")
    return files


def rendering_parser() -> Parser:
    """Return what reads the command line."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} FILE [FILE ...] --format LIST [options]",
        description="Write pieces, MIDI files or CSV grids, in other formats.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    files = ".mid or .csv files, or a folder of them"
    add("files", type=Path, nargs="+", metavar="FILE", help=files)
    formats = ", ".join(ending.removeprefix(".") for ending in RENDERERS)
    add("--format", required=True, metavar="LIST", help=f"of: {formats}")
    add("--output", type=Path, metavar="FOLDER", help="that of the file by default")
    tempo = real(SLOWEST_QPM, FASTEST_QPM)
    add("--tempo", type=tempo, metavar="QPM", help="quarter notes a minute; as in the file")
    add("--program", metavar="NAME", help="General MIDI name or 0..127; as in the file")
    synthesisers = f"one of: {', '.join(SYNTHESISERS)}"
    add("--synthesiser", default="auto", metavar="NAME", help=synthesisers)
    add("--tuning", default="equal", metavar="NAME", help=f"of sound: {', '.join(TUNINGS)}")
    reference = real(LOWEST_REFERENCE_HZ, HIGHEST_REFERENCE_HZ)
    about = "hertz of the A, such as 415"
    add("--reference", type=reference, default=CONCERT_PITCH_HZ, metavar="HZ", help=about)
    grids = f"of a MIDI file: {', '.join(GRIDS)}"
    add("--grid", default="auto", metavar="NAME", help=grids)
    return parser


EXAMPLES = """\
examples:
  python -m bach_tf.cli.render piece.mid --format wav,pdf
  python -m bach_tf.cli.render folder --format ogg --tuning werckmeister3
"""

if __name__ == "__main__":
    begin()
    sys.exit(main())
