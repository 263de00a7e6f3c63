"""The command: `bach-tf generate --temperature 1.2`."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bach_tf.cli.options import add_output_options, add_reading
from bach_tf.cli.parser import Parser, Spellings, real, whole
from bach_tf.cli.pieces import Pieces
from bach_tf.cli.plan import DEFAULT_FORMAT, Job, plan
from bach_tf.cli.quiet import import_tensorflow
from bach_tf.cli.talk import Talk
from bach_tf.composing.beginnings import Wish
from bach_tf.composing.fitting import AUTO, FARTHEST
from bach_tf.composing.options import (
    LARGEST_TOP_K,
    LONGEST_UPBEAT,
    MOST_BARS,
    MOST_CANDIDATES,
    MOST_PIECES,
    candidates_of,
)
from bach_tf.composing.primers import FROM_CORPUS
from bach_tf.composing.progress import Report, rising
from bach_tf.corpora.music import HOTTEST, MOST_STEPS, RULES
from bach_tf.formats import WRITERS
from bach_tf.formats.files import FixedNames, PieceNames, write_piece
from bach_tf.learning.runs import Run, load_trained_run, run_name
from bach_tf.recipes.tables import SEEDS
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO

if TYPE_CHECKING:
    import numpy as np

HOLD, REST = "_", "r"  # tokens of a melody
MAGENTA_EVENTS = {"-2": HOLD, "-1": REST}  # in `--primer_melody`; other numbers are pitches


def work(args: Namespace, talk: Talk) -> None:
    """Generate pieces as requested and report them."""
    job = plan(args)
    name = run_name(job.run)
    pieces = Pieces(job.how["num_outputs"])
    with talk.status("Loading TensorFlow", moves=args.primer != FROM_CORPUS) as status:
        import_tensorflow()
        from bach_tf.composing import generation

        status(f"Opening {name}")
        run = load_trained_run(job.run)
        beginning = job.beginning
        if beginning is None:
            seed, wish = job.how["seed"], Wish(args.metre, args.upbeat)
            beginning = generation.begin(run, FROM_CORPUS, seed, args.primer_length, wish)
        status(f"Composing with {name}")
        report = rising(lambda done: status(f"Composing with {name}", done))
        batches = _batches(run, job, beginning.prompt, candidates_of(vars(args)), report)
        given = generation.primer_steps(run.codec, beginning.prompt)
        used = generation.used_primer(run.codec, beginning)
        rendition = replace(job.rendition, primer_steps=given)
        names = FixedNames(job.output, pieces.wanted) if job.named else PieceNames(job.output)
        with pieces.kept_if_stopped():
            while (batch := talk.interruptible(lambda: next(batches, None))) is not None:
                for ids in batch:
                    status(f"Writing piece {pieces.begun + 1} of {pieces.wanted}")
                    score = generation.decode_piece(run.codec, ids, used)
                    with names.reserve() as stem:
                        files = write_piece(score, stem, job.endings, rendition)
                    pieces.add(ids, score, files, run.codec, rendition)
                status(f"Composing with {name}")
    seed = job.how["seed"]
    record = {"run": name, "recipe": run.preset.recipe, "seed": seed, **pieces.record()}
    pieces.tell(record, talk)


def _batches(
    run: Run, job: Job, prompt: np.ndarray, candidates: int, report: Report
) -> Iterator[np.ndarray]:
    """Return the new pieces, each the best of its candidates."""
    from bach_tf.composing import generation

    how = {**job.how, "num_outputs": job.how["num_outputs"] * candidates}
    batches = generation.generate_batches(run, **how, prompt=prompt, progress=report)
    if candidates == 1:
        return batches
    from bach_tf.measuring.candidates import best_of
    from bach_tf.measuring.likelihood import Scorer

    return best_of(batches, candidates, run.codec, Scorer(run.model, run.codec))


def make_parser(program: str) -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        prog=program,
        usage="%(prog)s [--run RUN | --model NAME] [options]",
        description="Generate new pieces with a trained run, by default the newest.",
        epilog=EXAMPLES,
        spellings=SPELLINGS,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", help="a run folder, its name in tb_logs, or: pretrained")
    which.add_argument("--model", metavar="NAME", help="the newest run of this model")
    _add_sampling(parser)
    _add_length(parser)
    _add_primer(parser)
    _add_music(parser)
    _add_files(parser)
    add_output_options(parser, quiet="print only the names of the files")
    return parser


def _add_sampling(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--temperature", type=real(0, HOTTEST), metavar="T",
        help="higher is more daring; 0 always takes the most probable token",
    )  # fmt: skip
    add(
        "--top-k", type=whole(0, LARGEST_TOP_K), default=0, metavar="K",
        help="sample from the K most probable tokens",
    )  # fmt: skip
    add(
        "--top-p", type=real(0, 1, above=True), default=1.0, metavar="P",
        help="sample from the top tokens with total probability P",
    )  # fmt: skip
    add(
        "--num-outputs", type=whole(1, MOST_PIECES), default=1, metavar="N", help="number of pieces"
    )
    kept = "draw N pieces for each and keep the best by likelihood and part-writing"
    add("--candidates", type=whole(1, MOST_CANDIDATES), metavar="N", help=kept)
    add("--seed", type=whole(0, SEEDS), metavar="N", help="the same seed gives the same files")
    rules = f"rules of four-part writing, any of: {', '.join(RULES)}; or: none"
    add("--rules", metavar="LIST", help=rules)


def _add_length(parser: Parser) -> None:
    add = parser.add_argument
    steps, bars = whole(1, MOST_STEPS), whole(1, MOST_BARS)
    add("--length", type=steps, metavar="N", help="maximum length in sixteenths, notes or events")
    add(
        "--bars",
        type=bars,
        metavar="N",
        help="length in bars; without --min-bars chorales end there",
    )
    add("--min-bars", type=whole(0, MOST_BARS), metavar="N", help="minimum length in bars")


def _add_primer(parser: Parser) -> None:
    add = parser.add_argument
    about = "the beginning: a file such as .mid or .musicxml, tokens, or: corpus"
    add("--primer", help=about)
    steps = whole(1, MOST_STEPS)
    add("--primer-length", type=steps, metavar="N", help="use only N steps of the primer")
    add(
        "--harmonize", metavar="FILE",
        help="harmonise a melody instead: see bach-tf harmonize --help",
    )  # fmt: skip
    add("--quantize", action="store_true", help="move the primer's notes to the run's grid")
    add(
        "--transpose", type=transposition, default=0, metavar="N",
        help="transpose the primer by N semitones, or: auto",
    )  # fmt: skip
    add_reading(parser, "a primer's file")
    add("--strict", action="store_true", help="refuse a primer with recoverable faults")


def _add_music(parser: Parser) -> None:
    add = parser.add_argument
    add("--metre", metavar="M", help="metre of a new tune (folk) or of the primer, such as 3/4")
    add(
        "--upbeat", type=real(0, LONGEST_UPBEAT), metavar="N",
        help="quarters before the first bar line, likewise",
    )  # fmt: skip
    tempi = real(LOWEST_TEMPO, HIGHEST_TEMPO)
    add("--tempo", type=tempi, metavar="QPM", help="tempo in quarter notes per minute")
    add("--program", metavar="NAME", help="General MIDI instrument, by name or 0..127")


def _add_files(parser: Parser) -> None:
    add = parser.add_argument
    endings = ",".join(ending.removeprefix(".") for ending in WRITERS)
    add("--format", metavar="LIST", help=f"any of: {endings} (default {DEFAULT_FORMAT})")
    add(
        "--output",
        type=Path,
        default=Path("generated"),
        metavar="PATH",
        help="a folder for the new files (default generated), or a file such as piece.mid",
    )


def transposition(text: str) -> int | str:
    """Return the semitones of `--transpose`, or the word for choosing them automatically."""
    return AUTO if text == AUTO else whole(-FARTHEST, FARTHEST)(text)


def melody_primer(text: str) -> list[str]:
    """Convert a primer in Magenta's notation, a list of melody events.

    Args:
        text: such as "[60, -2, 62, -1]": pitches begin notes, -2 holds, -1 ends the note.

    Example:
        >>> melody_primer("[60, -2, 62, -1]")
        ['--primer', '60 _ 62 r']
    """
    events = re.split(r"[\s,]+", text.strip(" []()"))
    return ["--primer", " ".join(MAGENTA_EVENTS.get(event, event) for event in events)]


SPELLINGS: Spellings = {
    "--num-steps": "--length",
    "--max-length": "--length",
    "--num-return-sequences": "--num-outputs",
    "--primer-midi": "--primer",
    "--prompt": "--primer",
    "--primer-melody": melody_primer,
    "--primer-pitches": melody_primer,
    "--qpm": "--tempo",
    "--output-dir": "--output",
    "--run-dir": "--run",
    "--model-name-or-path": "--run",
    "--k": "--top-k",
    "--p": "--top-p",
}

EXAMPLES = """\
examples:
  %(prog)s --temperature 0.8 --format mid,png
  %(prog)s --model folk --num-outputs 5 --bars 16 --seed 7
  %(prog)s --run pretrained --primer beginning.mid --output piece.mid

Underscores work too. Also accepted: --num_steps, --max_length, --prompt,
--primer_midi, --primer_melody, --primer_pitches, --num_return_sequences, --qpm,
--output_dir, --run_dir, --model_name_or_path, --k, --p.
"""
