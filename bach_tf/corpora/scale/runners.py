"""Where Beam runs a pipeline: in processes of this machine, on Flink or on Dataflow."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from typing import Any

from bach_tf._basics.choices import choose
from bach_tf._basics.cores import usable_cores
from bach_tf._basics.process import libraries_silenced

DIRECT = "direct"
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

        if runner != DIRECT:
            return beam.Pipeline(options=PipelineOptions([f"--runner={name}", *options]))
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        # Named rather than by `--runner`, which may try to download another program.
        made = PipelineOptions([*_processes(workers or usable_cores()), *options])
        return beam.Pipeline(runner=FnApiRunner(), options=made)


def run(pipeline: Any) -> dict[str, int]:
    """Run a pipeline to its end; return its counters.

    Args:
        pipeline: with all its stages.

    Raises:
        RuntimeError: if it fails, for example because a worker has died.
    """
    with quietly():
        result = pipeline.run()
        state = result.wait_until_finish()
    if state not in ("DONE", None):
        raise RuntimeError(f"Beam stopped in the state {state}.")
    found = result.metrics().query()["counters"]
    return {each.key.metric.name: each.result for each in found}


def _processes(workers: int) -> list[str]:
    mode = "in_memory" if workers == 1 else "multi_processing"
    return [f"--direct_num_workers={workers}", f"--direct_running_mode={mode}"]


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
