"""The command: `bach-tf harmonize tune.musicxml`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bach_tf._basics.messages import shortened
from bach_tf.cli.options import add_output_options, add_reading
from bach_tf.cli.parser import Parser, Spellings, real, whole
from bach_tf.cli.plan import DEFAULT_FORMAT, where_to
from bach_tf.cli.quiet import import_tensorflow
from bach_tf.cli.talk import Talk
from bach_tf.cli.versions import Versions
from bach_tf.composing.fitting import Fit
from bach_tf.composing.options import (
    MOST_CANDIDATES,
    MOST_PARTICLES,
    MOST_PIECES,
    PARTICLES,
    harmonizing_options,
    make_rendition,
)
from bach_tf.composing.outlines import Outline
from bach_tf.composing.placing import ranges_as_read
from bach_tf.composing.progress import rising
from bach_tf.composing.requests import SOPRANO, Asked, outline_of, read_piece
from bach_tf.corpora.music import HOTTEST, RULES
from bach_tf.formats import READERS, WRITERS, check_room_in
from bach_tf.formats.files import FixedNames, PieceNames, write_piece
from bach_tf.formats.grid_csv import VOICES
from bach_tf.formats.rendition import Rendition
from bach_tf.learning.runs import find_run, load_settings, load_trained_run, run_name
from bach_tf.recipes.tables import SEEDS
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO, find_program


@dataclass(frozen=True)
class Job:
    """The checked arguments.

    Args:
        run: the run folder.
        outline: the given notes.
        how: the arguments of `harmonizing.harmonize`.
        endings: the endings of the files.
        rendition: the rendition of the files.
        output: the folder of the files, or the path of the single file without its ending.
        named: whether the user named the files.
    """

    run: Path
    outline: Outline
    how: dict[str, Any]
    endings: list[str]
    rendition: Rendition
    output: Path
    named: bool


def work(args: Namespace, talk: Talk) -> None:
    """Write versions of a piece as requested and report them."""
    job = plan(args)
    outline, name, wanted = job.outline, run_name(job.run), job.how["num_outputs"]
    for remark in outline.remarks:
        talk.say(remark)
    versions = Versions(wanted, outline, job.rendition)
    with talk.status("Loading TensorFlow") as status:
        import_tensorflow()
        from bach_tf.composing.harmonizing import harmonize
        from bach_tf.measuring.versions import cost_of_faults

        status(f"Opening {name}")
        run = load_trained_run(job.run)
        status(f"Harmonizing with {name}")
        faults = partial(cost_of_faults, tonic=outline.tonic, given=outline.is_given)
        report = rising(lambda done: status(f"Harmonizing with {name}", done))
        found = harmonize(run, outline, **job.how, faults=faults, progress=report)
        names = FixedNames(job.output, wanted) if job.named else PieceNames(job.output)
        with versions.kept_if_stopped():
            while (version := talk.interruptible(lambda: next(found, None))) is not None:
                status(f"Writing version {versions.begun + 1} of {wanted}")
                with names.reserve() as stem:
                    files = write_piece(version.score, stem, job.endings, job.rendition)
                versions.add_version(version, files, run.codec)
                status(f"Harmonizing with {name}: {versions.begun} of {wanted} written")
    about = {"run": name, "recipe": run.preset.recipe, "seed": job.how["seed"]}
    versions.report(about, talk)


def plan(args: Namespace) -> Job:
    """Check all that can be checked before TensorFlow is loaded, and a note composed.

    Raises:
        ValueError: an argument that does not fit the others, the run, the formats or the system.
    """
    program = None if args.program is None else find_program(args.program)
    inputs = {"the piece that is given": args.file, "the primer": args.primer}
    output, endings, named = where_to(args, inputs)
    folder = find_run(args.run, recipe=args.model)
    preset, codec = load_settings(folder)
    how = harmonizing_options(preset.music, codec, vars(args))
    fit = Fit(args.quantize, strict=args.strict)
    asked = Asked(
        voice=args.voice,
        keep=None if args.keep is None else tuple(map(str.strip, args.keep.split(","))),
        rewrite=args.rewrite,
        key=args.key,
        primer=None if args.primer is None else read_piece(Path(args.primer), fit),
        fit=fit,
    )
    piece = read_piece(args.file, replace(fit, unfold=args.unfold, tune=args.tune))
    try:
        outline = outline_of(codec, preset.music, piece, asked)
    except ValueError as error:
        raise ValueError(f"{args.file.name}: {error}") from None
    ranges_as_read(codec, outline.shift, how["ranges"])
    rendition = make_rendition(preset.music, args.tempo, program, outline.source_with_parts)
    rendition = replace(rendition, given=outline.spans)
    slowest = rendition.tempo_qpm or min(qpm for _, qpm in outline.source.tempi)
    check_room_in(endings, codec, outline.voices.length, slowest)
    return Job(folder, outline, how, endings, rendition, output, named)


def make_parser(program: str) -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        prog=program,
        usage="%(prog)s FILE [--run RUN | --model NAME] [options]",
        description="Write the missing voices of a melody or a piece, or some bars anew.",
        epilog=EXAMPLES,
        spellings=SPELLINGS,
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help=f"a melody or a piece: {', '.join(READERS)}")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", help="a run folder, its name in tb_logs, or: pretrained")
    which.add_argument("--model", metavar="NAME", help="the newest run of this model")
    voices = ", ".join(VOICES)
    add("--voice", default=SOPRANO, metavar="NAME", help=f"the voice of the melody: {voices}")
    add("--keep", metavar="LIST", help="voices to keep: soprano,bass; in some bars: bass:5-8+12")
    add("--rewrite", metavar="BARS", help="write only these bars anew, such as 5-8,12")
    add("--key", help='in which it ends, such as "g minor"; default: estimated')
    add("--primer", metavar="FILE", help="the beginning, in four voices")
    count: Callable[[int], Any] = lambda most: whole(1, most)  # noqa: E731
    add("--num-outputs", type=count(MOST_PIECES), default=1, metavar="N", help="number of versions")
    particles = f"pieces written side by side per version (default {PARTICLES})"
    add("--particles", type=count(MOST_PARTICLES), metavar="N", help=particles)
    candidates = "filters per version, of which the best piece is kept"
    add("--candidates", type=count(MOST_CANDIDATES), metavar="N", help=candidates)
    rules = f"rules of four-part writing, any of: {', '.join(RULES)}; or: none"
    add("--rules", metavar="LIST", help=rules)
    add("--range", metavar="LIST", help="ranges of new voices, such as alto=55-74,bass=E2-C4")
    hotter = "higher is more daring, 0 is greedy"
    add("--temperature", type=real(0, HOTTEST), metavar="T", help=hotter)
    add("--seed", type=whole(0, SEEDS), metavar="N", help="the same seed gives the same files")
    add("--quantize", action="store_true", help="move notes to sixteenths")
    add("--strict", action="store_true", help="refuse a file with recoverable faults")
    add_reading(parser, "the file")
    tempi = real(LOWEST_TEMPO, HIGHEST_TEMPO)
    add("--tempo", type=tempi, metavar="QPM", help="quarter notes per minute; default: the file's")
    add("--program", metavar="NAME", help="General MIDI instrument, by name or 0..127")
    endings = ",".join(ending.removeprefix(".") for ending in WRITERS)
    add("--format", metavar="LIST", help=f"of: {endings} (default {DEFAULT_FORMAT})")
    about = "a folder for the new files (default generated), or a file such as hymn.musicxml"
    add("--output", type=Path, default=Path("generated"), metavar="PATH", help=about)
    add_output_options(parser, quiet="print only the names of the files")
    return parser


def refuse_length(value: str) -> list[str]:
    """Refuse an option for the length of a piece, which people know from `generate`.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"Expected no length of the piece, got: {shortened(value)}. A harmonised piece is as long "
        "as its melody: leave out --bars, --min-bars and --length."
    )


SPELLINGS: Spellings = {
    "--num-return-sequences": "--num-outputs",
    "--qpm": "--tempo",
    **dict.fromkeys(("--bars", "--min-bars", "--length"), refuse_length),
}

EXAMPLES = """\
examples:
  %(prog)s tune.musicxml --num-outputs 4 --format mid,pdf
  %(prog)s bass.mid --voice bass
  %(prog)s chorale.musicxml --keep soprano,bass
  %(prog)s chorale.musicxml --keep soprano,bass:1-4+8
  %(prog)s chorale.musicxml --rewrite 5-8 --output new.musicxml
"""
