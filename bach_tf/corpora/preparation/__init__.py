"""How corpora are made: the prepared folder, splits, downloads, archives."""
