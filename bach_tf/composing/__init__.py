"""New pieces: prompts, and the compiled sampling loop."""
