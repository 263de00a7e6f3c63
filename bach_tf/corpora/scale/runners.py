"""Where Beam runs a pipeline: in processes of this machine, on Flink or on Dataflow."""

from __future__ import annotations

import io
import logging
import os
import shlex
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from queue import SimpleQueue
from typing import Any

from bach_tf._basics.choices import choose
from bach_tf._basics.cores import usable_cores
from bach_tf._basics.messages import shortened
from bach_tf._basics.process import libraries_silenced

DIRECT = "direct"
WORKER = "bach_tf.corpora.scale.worker"  # the program of a worker of the direct runner
DEATH = "Worker subprocess exited"  # in Beam's error
RUNNERS = {DIRECT: "DirectRunner", "flink": "FlinkRunner", "dataflow": "DataflowRunner"}


def check_beam() -> None:
    """Check that Beam is installed.

    Raises:
        ValueError: if it is not; the message says how to install it.
    """
    if find_spec("apache_beam") is None:
        raise ValueError(
            "bach-tf prepare needs Apache Beam, which is not installed: "
            "pip install 'bach_tf[scale]'"
        )


def make_pipeline(runner: str, options: Sequence[str] = (), workers: int | None = None) -> Any:
    """Return a `beam.Pipeline` to which stages are added.

    Args:
        runner: one of `RUNNERS`.
        options: Beam's own, such as "--flink_master=localhost:8081".
        workers: processes of the direct runner; by default one for each core.

    Raises:
        ValueError: if the runner or an option is unknown, or Beam is not installed.
    """
    name = choose(RUNNERS, runner, "runner")
    check_beam()
    with quietly():
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions

        _check_options(options, runner)
        if runner != DIRECT:
            return beam.Pipeline(options=PipelineOptions([f"--runner={name}", *options]))
        count = workers or usable_cores()
        made = PipelineOptions([f"--direct_num_workers={count}", *options])
        return beam.Pipeline(runner=_direct(count), options=made)


def _check_options(options: Sequence[str], runner: str) -> None:
    """Raise `ValueError` for options that Beam cannot read, or that this machine's runner lacks."""
    from apache_beam.options.pipeline_options import PipelineOptions

    parsers: list[Any] = []
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            PipelineOptions(options).get_all_options(add_extra_args_fn=parsers.append)
    except SystemExit:
        why = said.getvalue().strip().rpartition("error: ")[2]
        raise ValueError(f"Beam cannot read the options after --: {why}") from None
    unknown = parsers[0].parse_known_args(list(options))[1]
    if unknown and runner == DIRECT:  # others take more than the Beam of this machine knows
        raise ValueError(f"Beam has no such option: {shortened(' '.join(unknown))}")


def run(pipeline: Any) -> dict[str, int]:
    """Run a pipeline to its end; return its counters.

    Args:
        pipeline: with all its stages.

    Raises:
        RuntimeError: if it fails, for example because a worker has died.
    """
    ended: SimpleQueue[Any] = SimpleQueue()

    def run_to_the_end() -> None:
        try:
            result = pipeline.run()
            ended.put((result.wait_until_finish(), result.metrics().query()["counters"]))
        except BaseException as error:  # of any stage; also SystemExit, of Beam's programs
            ended.put(error)

    with quietly(), _deaths_into(ended):
        # In a thread, because Beam waits for ever for a process that dies while it starts.
        threading.Thread(target=run_to_the_end, daemon=True).start()
        outcome = ended.get()
    if isinstance(outcome, FileNotFoundError) and outcome.filename == "java":
        raise RuntimeError("Beam needs Java for this runner: install it, or choose another one")
    if isinstance(outcome, SystemExit):
        raise RuntimeError(f"Beam has ended: {outcome}")
    if isinstance(outcome, BaseException):
        raise outcome
    state, counters = outcome
    if state not in ("DONE", None):
        raise RuntimeError(f"Beam stopped in the state {state}.")
    sums: Counter[str] = Counter()
    for each in counters:  # one of a name for each stage that has it
        sums[each.key.metric.name] += each.result
    return dict(sums)


def _direct(workers: int) -> Any:
    """Return the direct runner, with a process for each of several workers."""
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    # Named rather than by `--runner`, which may try to download another program.
    if workers == 1:
        return FnApiRunner()
    # Beam starts a shell; with `exec` the worker takes its place, and is what Beam waits for.
    python = shlex.quote(sys.executable)
    command = f"exec {python} -m {WORKER} {os.getpid()}"
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command))


@contextmanager
def _deaths_into(ended: SimpleQueue[Any]) -> Iterator[None]:
    """Put an error into a queue when a worker dies: the thread that waits for it has an error."""
    former = threading.excepthook

    def tell(args: threading.ExceptHookArgs) -> None:
        if DEATH in str(args.exc_value):
            ended.put(RuntimeError(f"a worker has died: {args.exc_value}"))
        else:
            former(args)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = former


@contextmanager
def quietly() -> Iterator[None]:
    """Silence what Beam and its processes say of themselves while they start and run."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), libraries_silenced(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
