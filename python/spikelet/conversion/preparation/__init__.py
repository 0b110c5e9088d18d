"""What comes before a conversion: checked inputs, and the ANN as a simplified graph with BatchNorm folded."""
