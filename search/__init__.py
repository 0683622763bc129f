"""The science: training many small networks as one, searching over activations, the evidence."""
