"""Where a run keeps its encoded images, and the names of their files."""

CARD = "card.json"
TRAIN, TEST, VALIDATION, POSITIONS = "train.beton", "test.beton", "validation.npy", "positions.npy"
GROUPS, ROLES = "groups.npy", "roles.npy"  # of the test images
FILES = (TRAIN, TEST, VALIDATION, POSITIONS, GROUPS, ROLES)  # beside the card
ENCODED = "results/encode"
DATA = f"{ENCODED}/{CARD}"
