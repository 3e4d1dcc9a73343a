"""What a user may do with results, outside of the workflow: one module a command."""
