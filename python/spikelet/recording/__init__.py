"""Recorded spikes, states and weights: reading them from memory and from disk."""
