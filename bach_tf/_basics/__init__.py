"""Shared by every room: registries, settings, files, and text for messages."""
