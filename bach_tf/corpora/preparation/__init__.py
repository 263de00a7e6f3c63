"""What corpora are made with: the prepared folder, splits, downloads, archives."""
