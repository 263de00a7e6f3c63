"""Training on several devices of one machine, or on several machines.

roster     who takes part, from options or from `TF_CONFIG`
meeting    how the workers find each other, and how one learns that another has stopped
wire       messages on the connections between workers
devices    which processor trains
joining    all of these together, for a program
steps      a training step shared by all devices of all workers
limit      ends a process that waits for too long while TensorFlow connects
following  what worker 0 sends to the others
"""
