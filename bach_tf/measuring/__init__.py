"""What is measured and shown: likelihoods, n-grams, counterpoint, plots, TensorBoard."""
