"""Corpora of any size: prepared once by Apache Beam, on one machine or many, and read as a stream.

- `listing`: which files to read. `stages`: what is done with each of them. `pipeline`: the order of
  these stages, as Beam runs them. `runners`: where it runs. `worker`: a process that it runs in.
- `preparing`: from a user's folder to a prepared one. `places`: where that is made and put.
- `shards`: the files of a prepared folder, which training reads; needs no Beam.

Beam is the extra `scale`. It takes seconds to import, so it is imported in the functions that need
it.
"""
