"""How good are features: weighted k-NN, a linear probe, per-class figures, alignment and uniformity."""
