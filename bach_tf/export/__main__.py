"""The command: `python -m bach_tf.export --run RUN --format saved_model,litert,onnx,keras`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bach_tf.quiet import silence_libraries


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status, 2 for a mistake of the user's."""
    parser = _parser()
    args = parser.parse_args(argv)
    silence_libraries()
    try:
        from bach_tf.export import exporting  # import TensorFlow, which takes seconds
        from bach_tf.runs import find_run, load_trained_run

        run = load_trained_run(find_run(args.run))
        formats = [name.strip() for name in args.format.split(",") if name.strip()]
        folder = exporting.folder_for(run, args.output, args.name)
        notes = exporting.export_run(run, formats, output=args.output, name=args.name)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    for name, note in notes.items():
        print(f"{name}: {note}")
    files = (f"{name} {size / 1000:.0f} kB" for name, size in exporting.sizes(folder))
    print(f"{folder}, from {run.folder}: {', '.join(files)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bach_tf.export",
        description="Write a trained run for programs that know nothing of bach_tf.",
        epilog="example: python -m bach_tf.export --run tb_logs/gru-jsb --format saved_model,onnx",
    )
    parser.add_argument("--run", type=Path, help="a run folder; the newest by default")
    parser.add_argument(
        "--format", default="saved_model", help="of: saved_model, litert, onnx, keras, run"
    )
    parser.add_argument("--output", type=Path, default=Path("exported"), help="the folder")
    parser.add_argument("--name", help="of the folder in it; that of the run by default")
    return parser


if __name__ == "__main__":
    sys.exit(main())
