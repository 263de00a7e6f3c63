"""Train a model on a corpus: python train.py --model gru."""

import sys

from bach_tf.cli.main import run

if __name__ == "__main__":
    sys.exit(run("train"))
