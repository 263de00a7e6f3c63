"""The command: `python -m bach_tf.rendering FILE.mid --format wav,pdf`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bach_tf.choices import choose
from bach_tf.general_midi import find_program
from bach_tf.rendering import RENDERERS, SOUNDS, check_formats, render
from bach_tf.rendering.reading import GRIDS, READERS, read_piece
from bach_tf.rendering.sound import SYNTHESISERS, check_sound
from bach_tf.synthesis import CONCERT_PITCH_HZ, TUNINGS


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status, 2 for a mistake of the user's."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        for path in render_files(args):
            print(path)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def render_files(args: argparse.Namespace) -> Iterator[Path]:
    """Write pieces in other formats, as the arguments of the command say.

    Yields:
        each file, when it is written.

    Raises:
        ValueError: a file that cannot be read, or what a format cannot hold; nothing is written
            when it is an argument that is wrong.
    """
    endings = check_formats(args.format)
    check_sound(args.synthesiser, args.tuning, args.reference)
    grid = choose(GRIDS, args.grid, "grid")
    chosen = {"tempo_qpm": args.tempo}
    if args.program is not None:
        chosen |= {"program": find_program(args.program), "programs": ()}
    for file, paths in _plan(args, endings).items():
        piece = read_piece(file, grid)
        style = {name: getattr(piece, name) for name in ("tempo_qpm", "program", "voice_names")}
        style |= {name: value for name, value in chosen.items() if value is not None}
        sound = {
            "programs": style.pop("programs", piece.programs),
            "synthesiser": args.synthesiser,
            "tuning": args.tuning,
            "reference_hz": args.reference,
        }
        for path in paths:
            render(piece.score, path, **style, **(sound if path.suffix in SOUNDS else {}))
            yield path


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
    if not path.is_dir():
        if not path.suffix:
            raise ValueError(f"No file or folder {path}.")
        return [path]
    files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in READERS]
    if not files:
        raise ValueError(f"{path}: expected a folder with {', '.join(READERS)} files, found none.")
    return files


def _parser() -> argparse.ArgumentParser:
    formats = ",".join(ending.removeprefix(".") for ending in RENDERERS)
    parser = argparse.ArgumentParser(
        prog="python -m bach_tf.rendering",
        description="Write pieces, MIDI files or CSV grids, in other formats.",
        epilog="example: python -m bach_tf.rendering piece.mid --format wav,pdf "
        "--tuning werckmeister3 --reference 415",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help=".mid or .csv files, or a folder of them",
    )
    parser.add_argument("--format", required=True, help=f"one or more of: {formats}")
    parser.add_argument("--output", type=Path, help="the folder; that of the file by default")
    parser.add_argument("--tempo", type=float, help="quarter notes a minute; as in the file")
    parser.add_argument("--program", help="General MIDI name or 0..127; as in the file")
    parser.add_argument("--synthesiser", default="auto", help=f"one of: {', '.join(SYNTHESISERS)}")
    parser.add_argument("--tuning", default="equal", help=f"of sound: {', '.join(TUNINGS)}")
    parser.add_argument(
        "--reference", type=float, default=CONCERT_PITCH_HZ, help="hertz of the A, such as 415"
    )
    parser.add_argument("--grid", default="auto", help=f"of a MIDI file: {', '.join(GRIDS)}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
