"""How the rooms stand: what each may import, and how long it may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bach_tf"
SCRIPTS = [ROOT / "train.py", ROOT / "generate.py"]
PROGRAMS = SCRIPTS

# Each imports only those before it. A room is a file or a folder.
ROOMS = (
    "_basics",
    "score",
    "theory",
    "formats",
    "codecs",
    "corpora",
    "models",
    "recipes",
    "learning",
    "composing",
    "measuring",
    "export",
    "_api",
    "studio",
    "cli",
)
WITHOUT_TENSORFLOW = (
    "_basics",
    "score",
    "theory",
    "formats",
    "corpora",
    "codecs",
    "recipes",
    "_api",
    "studio",
    "cli",
)
# What may be imported of the other rooms without TensorFlow: an error is said before it is loaded.
LIGHT = (
    "learning.runs",
    "learning.workers.roster",
    "composing.primers",
    "composing.progress",
    "composing.options",
    "composing.outlines",
    "composing.requests",
    "measuring.breakdown",
    "measuring.comparison",
    "measuring.counterpoint",
    "measuring.grading",
    "measuring.judging",
    "measuring.ngrams",
    "measuring.versions",
)
HEAVY = {"tensorflow", "keras", "tensorflow_data_validation", "apache_beam"}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def room_of(path):
    """Return the room that a file of the package is in; "" for the two that are in none."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first in ("__init__", "__main__") else first


def imported(nodes):
    """Yield the full names that import statements among `nodes` ask for."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree):
    """Yield the nodes that run when a module is imported: those outside functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from at_module_level(node)


def rooms_imported(path):
    names = (name.split(".") for name in imported(ast.walk(ast.parse(path.read_bytes()))))
    return {name[1] for name in names if name[0] == "bach_tf"} - {"__version__"}


def upward_imports(room, others):
    return sorted(other for other in others - {room} if ROOMS.index(other) > ROOMS.index(room))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_rooms_import_only_those_before_them(path):
    room = room_of(path)
    if not room:
        # What is public is imported when it is used; the console script begins by itself.
        assert rooms_imported(path) <= {"_api", "cli"}
        return
    assert room in ROOMS, "a new room needs its place in ROOMS"
    assert upward_imports(room, rooms_imported(path)) == []


@pytest.mark.parametrize("path", PROGRAMS, ids=name_of)
def test_programs_import_rooms_only(path):
    assert rooms_imported(path) <= set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_room_imports_a_program(path):
    names = imported(ast.walk(ast.parse(path.read_bytes())))
    assert not {name.split(".")[0] for name in names} & {"train", "generate"}


def test_an_upward_import_would_be_found(tmp_path):
    path = tmp_path / "corpora.py"
    path.write_text("def late():\n    from bach_tf import score\n    import bach_tf.composing\n")
    assert rooms_imported(path) == {"score", "composing"}
    assert upward_imports("corpora", rooms_imported(path)) == ["composing"]


@pytest.mark.parametrize(
    "path", [path for path in FILES if room_of(path) in WITHOUT_TENSORFLOW] + PROGRAMS, ids=name_of
)
def test_what_knows_no_tensorflow_imports_none_at_module_level(path):
    nodes = at_module_level(ast.parse(path.read_bytes()))
    # `if TYPE_CHECKING:` is for readers, and is found here too: no room needs it for these.
    assert not {name.split(".")[0] for name in imported(nodes)} & HEAVY


def test_what_knows_no_tensorflow_loads_none():
    modules = [f"bach_tf.{name}" for name in (*WITHOUT_TENSORFLOW, *LIGHT)]
    modules += [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in PROGRAMS]
    code = f"import sys, {', '.join(modules)}; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_imports_leave_the_environment_alone():
    rooms = ", ".join(f"bach_tf.{room}" for room in WITHOUT_TENSORFLOW)
    code = f"import os; before = dict(os.environ); import {rooms}; print(before == os.environ)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


MODEL_FILES = [path for path in FILES if room_of(path) == "models"]


@pytest.mark.parametrize("path", MODEL_FILES, ids=name_of)
def test_models_are_pure_keras_but_for_what_is_faster_on_a_cpu(path):
    names = {name.split(".")[0] for name in imported(ast.walk(ast.parse(path.read_bytes())))}
    apart = path.parent.name == "cpu" or path.name == "tracing.py"
    assert apart or not names & {"tensorflow", "jax", "torch"}


def test_what_is_faster_on_a_cpu_is_imported_where_it_is_used_alone():
    """Other backends of Keras may stand in an environment without TensorFlow."""
    for path in MODEL_FILES:
        names = imported(at_module_level(ast.parse(path.read_bytes())))
        inside = [name for name in names if name.startswith("bach_tf.models.cpu.")]
        assert path.parent.name == "cpu" or inside == []


TRAINERS = {"fitting", "callbacks", "checkpoints", "optimizers", "rates", "metrics", "history"}


@pytest.mark.parametrize(
    "path", [path for path in FILES if room_of(path) == "composing"], ids=name_of
)
def test_nothing_that_generates_imports_anything_that_trains(path):
    names = [name.split(".") for name in imported(ast.walk(ast.parse(path.read_bytes())))]
    assert not [
        name for name in names if name[:2] == ["bach_tf", "learning"] and TRAINERS & {*name}
    ]


def is_public(path):
    """Return whether users may import a file; `_api` is what the package itself gives them."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return all(not part.startswith("_") or part in ("__init__", "_api") for part in parts)


def public_functions(nodes, of_class=False):
    """Yield each public function and method, and whether its first argument is the object."""
    for node in nodes:
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from public_functions(ast.iter_child_nodes(node), of_class)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, of_class=True)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            not node.name.startswith("_") or node.name == "__init__"
        ):
            static = any(ast.unparse(each) == "staticmethod" for each in node.decorator_list)
            yield node, of_class and not static


def without_hints(tree):
    """Return what has no type in the signatures that others call: "function: argument"."""
    lacking = []
    for node, has_self in public_functions(tree.body):
        own = node.args
        arguments = [*own.posonlyargs, *own.args][has_self:] + own.kwonlyargs
        arguments += [each for each in (own.vararg, own.kwarg) if each is not None]
        lacking += [f"{node.name}: {each.arg}" for each in arguments if each.annotation is None]
        if node.returns is None and node.name != "__init__":
            lacking.append(f"{node.name}: return")
    return lacking


@pytest.mark.parametrize("path", [path for path in FILES if is_public(path)], ids=name_of)
def test_public_signatures_have_types(path):
    assert without_hints(ast.parse(path.read_bytes())) == []


def test_a_missing_type_would_be_found():
    code = """
if True:
    def plain(a, *rest, b: int = 0, **others) -> int: ...
class Public:
    def __init__(self, a: int, b=1): ...
    def method(self): ...
    @staticmethod
    def static(a) -> None: ...
    @property
    def whole(self) -> int: ...
    def _own(self, a): ...
class _Own:
    def method(self): ...
"""
    assert without_hints(ast.parse(code)) == [
        *("plain: a", "plain: rest", "plain: others"),
        *("__init__: b", "method: return", "static: a"),
    ]
