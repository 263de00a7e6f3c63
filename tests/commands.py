"""The command line, in this process."""

from bach_tf.cli.main import main


def command(name):
    """Return what runs a command with a list of arguments, and returns its exit status."""
    return lambda arguments: main([name, *map(str, arguments)])
