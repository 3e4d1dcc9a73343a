"""Colours that people with any colour vision tell apart, on white as on black, and marks for more than ten."""

# Ten colours by Petroff 2021, "Accessible Color Sequences for Data Visualization" (arXiv:2107.02270).
COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
MARKS = {"o": "●", "^": "▲", "s": "■"}  # matplotlib's name and the letter that a legend shows
MOST_CLASSES = len(COLOURS) * len(MARKS)


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def mark(number: int) -> str:
    """Matplotlib's name of a mark; it changes after every ten."""
    return list(MARKS)[number // len(COLOURS) % len(MARKS)]
