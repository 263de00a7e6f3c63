"""A worker of the direct runner, which ends with the process that has started it.

    python -m bach_tf.corpora.scale.worker PID

Beam's own worker waits for ever for a process that was killed or stopped.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time

SECONDS_BETWEEN_LOOKS = 0.5
WORKER = "apache_beam.runners.worker.sdk_worker_main"


def end_with(parent: int) -> None:
    """End this process as soon as it is no longer a child of another one.

    Args:
        parent: the number of that process.
    """
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv.pop()),), daemon=True).start()
    runpy.run_module(WORKER, run_name="__main__", alter_sys=True)
