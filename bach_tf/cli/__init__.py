"""The command line: one module for each command, what they are asked, and what they say.

`bach_tf.cli.main` finds the command. No TensorFlow here before the arguments are checked, and
nothing at all in this file: the first lines of a program answer Ctrl-C.
"""
