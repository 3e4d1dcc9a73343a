"""What DVC has recorded of trainings, for programs that others read it in: a module each, which an extra brings."""
