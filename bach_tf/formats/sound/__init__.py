"""Scores as sound: recorded instruments, or a plain additive synthesiser."""
