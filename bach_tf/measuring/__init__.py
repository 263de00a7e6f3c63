"""Evaluation: likelihoods, n-grams, counterpoint, plots, TensorBoard."""
