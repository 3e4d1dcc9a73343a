"""How fast a card is kept busy: `python -m benchmarks.gpu`."""
