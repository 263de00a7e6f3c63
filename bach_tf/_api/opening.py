"""Training or loading a run, and reading a piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bach_tf import formats
from bach_tf._api.arguments import path_of, settings_of
from bach_tf._api.piece import Piece
from bach_tf._api.run import Run
from bach_tf._basics.choices import choose
from bach_tf._basics.settings import Whole
from bach_tf.formats.reading import GRIDS
from bach_tf.learning import runs
from bach_tf.learning.workers.roster import Roster, check_device, read_roster
from bach_tf.recipes import Preset, continued_preset, make_preset

VERBOSE = Whole(0, 2)
NAMED = "the name of a run"


def train(
    model: str | None = None,
    *,
    corpus: str | None = None,
    data_dir: str | Path | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    set: Mapping[str, Any] | None = None,
    run_name: str | None = None,
    resume: Run | str | Path | None = None,
    from_run: Run | str | Path | None = None,
    workers: str | Sequence[str] | None = None,
    worker: int | None = None,
    device: str | None = None,
    verbose: int = 1,
) -> Run:
    """Train a model on a corpus; return the run, with the weights of its best epoch.

    The arguments are those of the command line; defaults come from the preset.

    Args:
        model: a preset, one of `bach_tf.recipes.PRESETS`; "gru" by default.
        corpus: a name in `bach_tf.corpora.CORPORA`; the model's own by default.
        data_dir: where the corpus is read from, such as a folder of your own pieces.
        epochs: maximum number of epochs.
        seed: random seed of initial weights, order of windows, transpositions and dropout. Your
            program's own random generators are not affected.
        set: other settings by name, such as `{"model.units": 64, "window": 96}`.
        run_name: name of the folder in `tb_logs`; the preset's name and the time by default.
        resume: a run to continue with its own settings; can only be combined with `epochs`, and
            with `data_dir` if its corpus has been moved.
        from_run: a run, or "pretrained", from whose weights, codec and settings a new run starts,
            for example to train a few epochs on your own pieces; cannot be combined with `model`.
        workers: to train on several machines, `host:port` of each, as a list or separated by
            commas; without it those in the variable `TF_CONFIG`, if any. Call the function on each
            machine with the same arguments, in a Python in which TensorFlow has not computed
            anything yet. Worker 0 writes the run folder; all return the same weights.
        worker: which of `workers` this process is, counted from 0.
        device: "cpu", or "gpu:0" and so on; by default all GPUs, or the CPU where there is none.
        verbose: 0 is silent, 1 shows a progress bar, 2 prints one line per epoch.

    Raises:
        ConnectionError: if another worker stops; the message names it.
        ValueError: if a name is unknown, a setting is out of bounds, the corpus cannot be read,
            `resume` is combined with settings of a new run, or the codec of `from_run` does not
            know the music.

    Example:
        >>> import bach_tf as bt
        >>> run = bt.train("gru", epochs=10)  # doctest: +SKIP
        >>> run = bt.train("folk", set={"model.units": 64}, run_name="small")  # doctest: +SKIP
    """
    verbose = VERBOSE.check("verbose", int(verbose) if isinstance(verbose, bool) else verbose)
    if device is not None:
        check_device(device)
    machines = Machines(read_roster(workers, worker), device)
    folder = None if data_dir is None else path_of("data_dir", data_dir)
    if resume is not None:
        fresh = (model, corpus, seed, set, run_name, from_run)
        if any(value is not None for value in fresh):
            raise ValueError(
                "`resume` keeps the settings of its run: combine it only with `epochs`, or with "
                "`data_dir` if the corpus has been moved."
            )
        if machines.follows:
            return _follow(machines, folder, verbose)
        begun = _resumable(resume)
        return _fit(lambda room: room.resume_run(begun, epochs, folder), machines, verbose)
    assignments = [f"{name}={value}" for name, value in settings_of("set", set).items()]
    if run_name is not None:
        runs.check_run_name(run_name)
    settings = {"epochs": epochs, "seed": seed}
    if from_run is None:
        preset = make_preset(model, corpus, folder, assignments, **settings)
        if machines.follows:
            return _follow(machines, folder, verbose, preset)
        return _fit(lambda room: room.start_run(preset, run_name), machines, verbose, preset)
    if model is not None:
        raise ValueError(f"`from_run` keeps the model of its run. Received: model={model!r}")
    if machines.follows:
        return _follow(machines, folder, verbose)
    origin = _folder_of("from_run", from_run)
    former, _ = runs.load_trained_settings(origin)
    continued = continued_preset(former, corpus, folder, assignments, **settings)
    return _fit(lambda room: room.start_from(origin, continued, run_name), machines, verbose)


def load(run: str | Path | None = None) -> Run:
    """Open a trained run.

    Args:
        run: its folder, the name of one in `tb_logs`, or "pretrained" for the weights that come
            with the package. By default the newest run in `tb_logs`, or the weights that come
            with the package if there is none.

    Raises:
        ValueError: if there is no such run, it has no weights yet, or it cannot be read.

    Example:
        >>> import bach_tf as bt
        >>> bt.load("pretrained").preset.recipe
        'chorale'
    """
    found = None if run is None else path_of("run", run, NAMED)
    return Run.of(runs.load_trained_run(runs.find_run(found)))


def read(
    path: str | Path,
    grid: str = "auto",
    strict: bool = False,
    *,
    unfold: bool = False,
    tune: int | None = None,
) -> Piece:
    """Read a piece from a file; warn about what had to be corrected or left out.

    The warnings are `bach_tf.formats.reading.ReadingWarning`, also found as text in
    `Piece.warnings`.

    Args:
        path: a file; its ending determines the format, such as `.mid` or `.csv`.
        grid: one of `bach_tf.formats.reading.GRIDS`. "auto" chooses the coarsest grid on which
            all notes begin.
        strict: whether to refuse files with recoverable faults.
        unfold: whether to play out the repeats of notated music; by default it is read as
            printed.
        tune: the number of a tune in a tune book; the first one by default.

    Raises:
        ValueError: if the ending or the grid is unknown, or the file is missing or unreadable.

    Example:
        >>> import bach_tf as bt
        >>> bt.read("hymn.mid").score.voices  # doctest: +SKIP
        4
    """
    chosen = choose(GRIDS, grid, "grid")
    found = formats.read(path_of("path", path), chosen, strict, unfold=unfold, tune=tune)
    return Piece.of(found)


@dataclass(frozen=True)
class Machines:
    """What trains: `workers` and `worker`, and `device`."""

    roster: Roster | None
    device: str | None

    @property
    def follows(self) -> bool:
        """Whether another worker has the run folder."""
        return self.roster is not None and self.roster.worker > 0

    def joined(self, preset: Preset | None) -> AbstractContextManager[Any]:
        """Return the context in which all devices train together.

        Args:
            preset: the settings of a new run, which all workers must share.
        """
        from bach_tf import learning

        settings = learning.settings_of(preset) if self.roster and preset else None
        return learning.joined(self.roster, self.device, settings)


def _resumable(run: Run | str | Path) -> Path:
    """Return the folder of a run that can be resumed."""
    folder = _folder_of("resume", run)
    if runs.run_name(folder) == runs.SHIPPED:
        raise ValueError("The shipped weights cannot be trained further. Train a run of your own.")
    return folder


def _folder_of(name: str, run: Run | str | Path) -> Path:
    """Return the folder of a run given as an argument."""
    if isinstance(run, runs.Run):
        return run.folder
    return runs.find_run(path_of(name, run, "a run", NAMED))


def _fit(
    begin: Callable[[Any], tuple[runs.Run, Path]],
    machines: Machines,
    verbose: int,
    preset: Preset | None = None,
) -> Run:
    """Train a run on all devices, logging the same to TensorBoard as the command line.

    Args:
        begin: creates or opens the run, with `bach_tf.learning`.
        machines: what trains.
        verbose: as for `train`.
        preset: the settings of a new run.
    """
    from bach_tf import learning

    with machines.joined(preset) as group:
        run, corpus = begin(learning)
        if learning.uses_jax():
            learning.train(run, corpus, verbose=verbose)
            return Run.of(run)
        from bach_tf.measuring import inspection

        if group:
            learning.lead(group, run, corpus)
        callbacks = inspection.callbacks(run)
        learning.train(run, corpus, verbose=verbose, callbacks=callbacks, group=group)
    return Run.of(run)


def _follow(
    machines: Machines, data_dir: Path | None, verbose: int, preset: Preset | None = None
) -> Run:
    """Train the run of worker 0, as one of the others."""
    from bach_tf import learning

    with machines.joined(preset) as group:
        run, corpus = learning.follow(group, data_dir)
        learning.train(run, corpus, verbose=verbose, group=group)
    return Run.of(run)
