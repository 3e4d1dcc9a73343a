"""What HTML pages are made of: styles, scripts, numbers in words, pictures and drawings."""
