"""The plan of `bach-tf generate`: everything that can be checked before generating."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bach_tf.codecs import Codec
from bach_tf.composing.beginnings import Beginning, Wish, as_wished, read_beginning
from bach_tf.composing.fitting import Fit
from bach_tf.composing.options import check_quotation, make_rendition, resolve_options
from bach_tf.composing.primers import FROM_CORPUS, check_room, find_primer
from bach_tf.formats import WRITERS, check_formats, check_room_in
from bach_tf.formats.files import check_folder
from bach_tf.formats.rendition import Rendition
from bach_tf.learning.runs import find_run, load_settings
from bach_tf.theory.instruments import find_program

DEFAULT_FORMAT = "mid"


@dataclass(frozen=True)
class Job:
    """The checked arguments.

    Args:
        run: the run folder.
        how: arguments of `generate_batches`, without a prompt.
        beginning: beginning of the pieces; `None` for a passage of the corpus.
        endings: of the files.
        rendition: how the pieces are rendered.
        output: the folder for the files, or the path of the file without its ending.
        named: whether the user has named the files.
    """

    run: Path
    how: dict
    beginning: Beginning | None
    endings: list[str]
    rendition: Rendition
    output: Path
    named: bool


def plan(args: Namespace) -> Job:
    """Check everything that can be checked before TensorFlow is loaded.

    Raises:
        ValueError: if an argument is incompatible with others, the run, a format or the system.
    """
    program = None if args.program is None else find_program(args.program)
    output, endings, named = where_to(args, {"the primer": args.primer})
    if args.primer is not None:
        find_primer(args.primer)
    folder = find_run(args.run, recipe=args.model)
    preset, codec = load_settings(folder)
    how = resolve_options(preset.music, codec, vars(args))
    check_quotation(preset, args.rules)
    beginning = _beginning(args, codec)
    primer = beginning and beginning.score
    rendition = make_rendition(preset.music, args.tempo, program, primer)
    slowest = rendition.tempo_qpm or min(qpm for _, qpm in primer.tempi)
    check_room_in(endings, codec, how["length"], slowest)
    if beginning is not None:
        check_room(codec, beginning.prompt, how["length"])
    return Job(folder, how, beginning, endings, rendition, output, named)


def _beginning(args: Namespace, codec: Codec) -> Beginning | None:
    """Return the beginning of the pieces; `None` for a passage of the corpus."""
    if args.primer == FROM_CORPUS:
        return None
    fit = Fit(args.quantize, args.transpose, args.strict, args.unfold, args.tune)
    beginning = read_beginning(codec, args.primer, args.primer_length, fit)
    return as_wished(codec, beginning, Wish(args.metre, args.upbeat))


def where_to(
    args: Namespace, inputs: Mapping[str, str | Path | None]
) -> tuple[Path, list[str], bool]:
    """Return where the files go, their endings, and whether the user has named them.

    Args:
        args: with `output` and `format`.
        inputs: what is read, by what it is called; none of it may be written over.

    Raises:
        ValueError: if a format is unknown, the folder is not writable, or a file is an input.
    """
    output = args.output
    ending = output.suffix.lower()
    if ending not in WRITERS or output.is_dir():
        check_folder(output)
        return output, check_formats(args.format or DEFAULT_FORMAT), False
    asked = ending if args.format is None else f"{ending},{args.format}"
    check_folder(output.parent)
    endings = check_formats(asked)
    stem = output.with_suffix("")
    for path in (stem.with_name(stem.name + each) for each in endings):
        for name, file in inputs.items():
            there = Path(file or "")
            if there.is_file() and path.exists() and path.samefile(there):
                raise ValueError(f"{path} is {name}. Give the new piece another name.")
    return stem, endings, True
