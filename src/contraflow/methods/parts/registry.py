"""All methods, by the names that `method.name` takes."""

from contraflow.methods.barlow_twins import BarlowTwins
from contraflow.methods.byol import BYOL
from contraflow.methods.clip import CLIP
from contraflow.methods.dino import DINO
from contraflow.methods.distil import Distil
from contraflow.methods.margin import Margin
from contraflow.methods.memory_bank import MemoryBank
from contraflow.methods.moco import MoCo
from contraflow.methods.nnclr import NNCLR
from contraflow.methods.parts.base import Method
from contraflow.methods.parts.settings import Positives
from contraflow.methods.siglip import SigLIP
from contraflow.methods.simclr import SimCLR
from contraflow.methods.simcse import SimCSE
from contraflow.methods.simsiam import SimSiam
from contraflow.methods.supcon import SupCon
from contraflow.methods.supervised import Supervised
from contraflow.methods.swav import SwAV
from contraflow.methods.triplet import Triplet
from contraflow.methods.vicreg import VICReg

METHODS: dict[str, type[Method]] = {  # by the name of the file
    "simclr": SimCLR,
    "moco": MoCo,
    "memory_bank": MemoryBank,
    "nnclr": NNCLR,
    "byol": BYOL,
    "simsiam": SimSiam,
    "barlow_twins": BarlowTwins,
    "vicreg": VICReg,
    "swav": SwAV,
    "dino": DINO,
    "distil": Distil,
    "triplet": Triplet,
    "margin": Margin,
    "supcon": SupCon,
    "supervised": Supervised,
    "clip": CLIP,
    "siglip": SigLIP,
    "simcse": SimCSE,
}


def source_of(method: str, positives: Positives) -> str:
    """What makes the positives of a method, named as in `positives.from`, which may leave it to the method."""
    return METHODS[method].positives_from if positives.source == "image" else positives.source
