"""Every reader on damaged files: what is read, what is refused, and what is a bug.

    python -m benchmarks.fuzz
    python -m benchmarks.fuzz --kinds midi,abc --damage nested --count 500
    python -m benchmarks.fuzz --again midi/flipped/4711

A damaged file may be read as far as it goes, or refused by a `ValueError` that names it. Everything
else is a bug: another exception, a refusal that names no file, more than 10 seconds, more than 1 GB
of memory, a file opened for writing outside the reader's folder, a program or a connection that was
started, or a process that died. The inputs of bugs are kept, and `--again` repeats one.
"""
