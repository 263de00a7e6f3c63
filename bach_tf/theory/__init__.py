"""What music theory knows: the names of pitches, keys, instruments."""
