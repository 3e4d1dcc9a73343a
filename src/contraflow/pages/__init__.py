"""What HTML pages are made of: frames, macros, styles, scripts, numbers in words, pictures and drawings."""
