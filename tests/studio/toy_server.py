"""A studio with toy tasks, in a process of its own: `python toy_server.py HOST PORT RUN`."""

import sys

from bach_tf._basics.process import begin
from bach_tf.cli.talk import run_program
from bach_tf.studio import processes, serving

processes.GRACE_SECONDS = 1.0  # for what does not stop; nothing is compiled here


def work(args, talk):
    host, port, run = args
    bound = serving.bind(host, int(port))
    url = serving.address(bound, host)
    serving.serve(bound, host, run, lambda: print(url, flush=True), "toy_tasks")


if __name__ == "__main__":
    begin()
    sys.exit(run_program("toy", work, sys.argv[1:]))
