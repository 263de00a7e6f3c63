"""Programs killed with SIGKILL at random moments: what is lost, and whether they go on.

    python -m benchmarks.faults --kills 30
    python -m benchmarks.faults --kills 7 --together 0 --writers 0

A small model is trained on chorales that come with music21 and killed again and again: at its
start, in a step, in validation, and while the checkpoint, the best weights, the history and an
event file are written. After each kill the run must be readable; the training is then resumed. At
its end, weights, optimiser, history and event files must equal those of an undisturbed training
bit for bit. A training by two workers loses one of them at such moments, too: the other must end
with the sentence that names it, and both resume. Last, `generate`, `export` and the preparation of
a corpus are killed while they write, and started again.

A killed program reports each file operation in its folder and waits, so that it can be killed just
before one; other moments are a random delay after one. The event files are written by TensorFlow in
a thread of its own: they are watched from outside, and their program is killed when one grows.
"""
