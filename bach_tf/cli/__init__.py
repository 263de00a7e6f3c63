"""The command line: one module per command, with their arguments and output.

`bach_tf.cli.main` finds the command. TensorFlow is only imported after the arguments are checked.
This file imports nothing, so that Ctrl-C is handled from the first lines of a program on.
"""
