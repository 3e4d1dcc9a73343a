"""Images: where they come from, how they are read, and the FFCV files that they are written to."""
