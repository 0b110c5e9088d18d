"""Spike-based backpropagation in PyTorch: neurons whose steps, forward and backward, run in the compiled core."""
