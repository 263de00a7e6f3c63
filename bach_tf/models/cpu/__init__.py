"""What TensorFlow's own operations make faster on a CPU, with the same numbers."""
