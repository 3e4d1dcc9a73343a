"""Images: where they come from, the FFCV files that hold them, and the augmented views made of them."""
