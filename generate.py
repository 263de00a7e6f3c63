"""Write new pieces with a trained run: python generate.py --temperature 1.2."""

import sys

from bach_tf.cli.main import run

if __name__ == "__main__":
    sys.exit(run("generate"))
