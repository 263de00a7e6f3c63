"""What every room may use: registries, settings, files, and text for messages."""
