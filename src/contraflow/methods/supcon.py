"""SupCon (Khosla et al. 2020, "Supervised Contrastive Learning")."""

from contraflow.methods.simclr import SimCLR


class SupCon(SimCLR):
    """SimCLR whose positives are also the images of the anchor's label; images without one are treated as in SimCLR."""

    needs_labels = True
    positives_from = "label"
