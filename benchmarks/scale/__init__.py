"""Ten million images: what each step of the workflow takes of time and memory."""
