"""Two engines, one truth: what keeps Snakemake, which schedules, and DVC, which versions, of one mind."""
