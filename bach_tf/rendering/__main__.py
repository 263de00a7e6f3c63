"""The command: `python -m bach_tf.rendering FILE.mid --format wav,musicxml`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bach_tf.choices import choose
from bach_tf.general_midi import find_program
from bach_tf.rendering import check_formats, render
from bach_tf.rendering.reading import GRIDS, read_piece
from bach_tf.synthesis import CONCERT_PITCH_HZ, TUNINGS, frequencies


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status, 2 for a mistake of the user's."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        for path in render_file(args):
            print(path)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def render_file(args: argparse.Namespace) -> list[Path]:
    """Write a piece in other formats, as the arguments of the command say.

    Returns:
        the files that were written.

    Raises:
        ValueError: a file that cannot be read, or what a format cannot hold; nothing is written
            when it is an argument that is wrong.
    """
    endings = check_formats(args.format)
    frequencies(args.tuning, args.reference)  # says what is wrong with them before any work
    program = None if args.program is None else find_program(args.program)
    piece = read_piece(args.file, choose(GRIDS, args.grid, "grid"))
    folder = args.file.parent if args.output is None else args.output
    paths = [folder / f"{args.file.stem}{ending}" for ending in endings]
    for path in paths:
        if path.exists() and path.samefile(args.file):
            raise ValueError(
                f"{path} is the piece itself. Choose another --format, or a folder with --output."
            )
    style = {
        "tempo_qpm": piece.tempo_qpm if args.tempo is None else args.tempo,
        "program": piece.program if program is None else program,
        "voice_names": piece.voice_names,
    }
    sound = {"tuning": args.tuning, "reference_hz": args.reference}
    for path in paths:
        render(piece.score, path, **style, **(sound if path.suffix == ".wav" else {}))
    return paths


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bach_tf.rendering",
        description="Write a piece, a MIDI file or a CSV grid, in other formats.",
        epilog="example: python -m bach_tf.rendering piece.mid --format wav,svg "
        "--tuning werckmeister3 --reference 415",
    )
    parser.add_argument("file", type=Path, help="a .mid or .csv file")
    parser.add_argument("--format", required=True, help="endings, such as wav,musicxml,svg,png")
    parser.add_argument("--output", type=Path, help="the folder; that of the file by default")
    parser.add_argument("--tempo", type=float, help="quarter notes a minute; as in the file")
    parser.add_argument("--program", help="General MIDI name or 0..127; as in the file")
    parser.add_argument("--tuning", default="equal", help=f"of .wav: {', '.join(TUNINGS)}")
    parser.add_argument(
        "--reference", type=float, default=CONCERT_PITCH_HZ, help="hertz of the A, such as 415"
    )
    parser.add_argument("--grid", default="auto", help=f"of a MIDI file: {', '.join(GRIDS)}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
