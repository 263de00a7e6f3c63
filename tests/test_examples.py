"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil
from importlib.util import find_spec

import pytest

import bach_tf

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(bach_tf.__path__, "bach_tf.")
    if not module.name.endswith("__main__")
    and (module.name != "bach_tf.learning.on_jax" or find_spec("jax"))
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    modules = (importlib.import_module(name) for name in MODULES)
    tests = [test for module in modules for test in finder.find(module) if test.examples]
    assert len(tests) > 10
