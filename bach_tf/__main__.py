"""The command line, as `python -m bach_tf COMMAND`."""

import sys

from bach_tf.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
