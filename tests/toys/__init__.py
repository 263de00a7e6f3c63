"""One of each kind of addition, each as one file: what a newcomer would write."""
