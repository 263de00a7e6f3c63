"""Commands that measure: `python -m benchmarks.NAME`."""

from bach_tf._basics.process import begin_if_run

begin_if_run(__name__)
