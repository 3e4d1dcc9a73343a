"""Networks: encoders, heads, normalisation, and their files."""
