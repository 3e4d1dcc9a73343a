"""What every stage stands on: files written whole, their provenance, signatures of steps, sentences to users."""
