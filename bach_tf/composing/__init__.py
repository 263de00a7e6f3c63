"""Generation of new pieces: prompts, and the compiled sampling loop."""
