"""Where a run keeps its encoded images, and the names of files."""

CARD = "card.json"
TRAIN, TEST, VALIDATION = "train.beton", "test.beton", "validation.npy"
POSITIONS, COPIES = "positions.npy", "copies.npy"  # of the training images
GROUPS, ROLES = "groups.npy", "roles.npy"  # of the test images
TEXTS, TOKENIZER = "texts.npz", "tokenizer.json"  # of both; empty where no image has a text
CONFIG = "config.json"  # of a model folder that texts are encoded with, beside its TOKENIZER
FILES = (TRAIN, TEST, VALIDATION, POSITIONS, COPIES, GROUPS, ROLES, TEXTS, TOKENIZER)  # beside the card
ENCODED = "results/encode"
DATA = f"{ENCODED}/{CARD}"
