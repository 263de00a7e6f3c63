"""The work of the studio, without the web: plain data in, plain data or bytes out.

Each function takes what a client sent as JSON and raises `ValueError` with a sentence for people.
`Performer` needs a model; the others do not import TensorFlow.
"""

from bach_tf.studio.tasks.engraving import engrave
from bach_tf.studio.tasks.files import MEDIA_TYPES, export, read, sound
from bach_tf.studio.tasks.measuring import measure
from bach_tf.studio.tasks.performing import KINDS, Performer, list_runs

__all__ = [
    "KINDS",
    "MEDIA_TYPES",
    "Performer",
    "engrave",
    "export",
    "list_runs",
    "measure",
    "read",
    "sound",
]
