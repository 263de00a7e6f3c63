"""Corpora of any size: prepared once by Apache Beam, on one machine or many, and read as a stream.

- `listing`: which files to read. `stages`: what is done with each of them. `pipeline`: the order of
  these stages, as Beam runs them. `runners`: where it runs.
- `preparing`: from a user's folder to a prepared one.
- `shards`: the files of a prepared folder, which training reads; needs no Beam.

Beam is the extra `scale`. It takes seconds to import, so it is imported in the functions that need
it.
"""
