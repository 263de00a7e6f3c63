"""Train a model on a corpus: python train.py --model gru."""

import sys
from argparse import Namespace
from pathlib import Path

from bach_tf import cli as console
from bach_tf._basics.choices import choose
from bach_tf.cli.quiet import silence_libraries
from bach_tf.corpora import CORPORA, corpus_for
from bach_tf.learning.runs import SHIPPED, WEIGHTS, check_run_name, find_run, run_name
from bach_tf.recipes import PRESETS, Preset, changed, on_corpus, override


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = console.train_arguments(argv)
    silence_libraries(args.verbose)
    return console.run_program(console.TRAIN, train, args)


def train(args: Namespace, talk: console.Talk) -> None:
    """Train as the arguments ask, and say what came out."""
    preset = None if args.resume else make_preset(args)
    if args.run_name is not None:
        check_run_name(args.run_name)
    folder = find_run(args.resume) if args.resume else None
    if folder and run_name(folder) == SHIPPED:
        raise ValueError("The weights that came with bach_tf are not to be changed.")
    with talk.status("Loading TensorFlow"):
        from bach_tf import learning
        from bach_tf.measuring import inspection
    if args.summary:
        show_layers(preset, folder, talk)
        return
    moves = preset is not None and not CORPORA[preset.music.corpus].shows_progress
    with talk.status("Preparing the corpus", moves=moves):
        if folder:
            run, corpus = learning.resume_run(folder, args.epochs)
        else:
            run, corpus = learning.start_run(preset, args.run_name)
    talk.say(f"Training {run.preset.recipe} on {corpus}, into {run.folder}")
    try:
        outcome = learning.train(
            run, corpus, verbose=talk.keras_verbose, callbacks=inspection.callbacks(run)
        )
    except KeyboardInterrupt:
        if args.json and (run.folder / WEIGHTS).exists():
            console.finish_training(run, corpus, learning.read_outcome(run), talk)
        raise KeyboardInterrupt(f"Go on with: python train.py --resume {run.folder}") from None
    console.finish_training(run, corpus, outcome, talk)


def make_preset(args: Namespace) -> Preset:
    """Return the preset that the arguments ask for."""
    preset = choose(PRESETS, args.model or console.DEFAULT_MODEL, "model")
    corpus = args.corpus or corpus_for(args.data_dir, preset.music.corpus)
    preset = on_corpus(preset, corpus)
    given = {"data_dir": args.data_dir, "epochs": args.epochs, "seed": args.seed}
    given = {name: value for name, value in given.items() if value is not None}
    return override(changed(preset, **given), args.set)


def show_layers(preset: Preset | None, folder: Path | None, talk: console.Talk) -> None:
    """Print the layers of a run's model, or of a preset's."""
    from bach_tf import learning
    from bach_tf.learning import runs
    from bach_tf.measuring import inspection

    run = runs.load_run(folder) if folder else None
    codec = run.codec if run else learning.make_codec(preset, learning.prepare_corpus(preset))
    text = inspection.summarise(run.preset if run else preset, codec)
    talk.finish({"summary": text}, [text], text)


if __name__ == "__main__":
    sys.exit(main())
