"""Where a run keeps its encoded images, and the names of their files."""

CARD = "card.json"
TRAIN, TEST, VALIDATION = "train.beton", "test.beton", "validation.npy"
POSITIONS, COPIES = "positions.npy", "copies.npy"  # of the training images
GROUPS, ROLES = "groups.npy", "roles.npy"  # of the test images
FILES = (TRAIN, TEST, VALIDATION, POSITIONS, COPIES, GROUPS, ROLES)  # beside the card
ENCODED = "results/encode"
DATA = f"{ENCODED}/{CARD}"
