"""What can be said of a run's folders of images before its first job: DVC sees them, and they fill its batches."""

from pathlib import Path

from contraflow.engines.watched import require_watched
from contraflow.images.splitting import draw_held_out, split_listing
from contraflow.params import Params


def require_images(root: Path, params: Params) -> None:
    """Look at the folders that the parameters name; a data set that is no folder is known without.

    Raises:
        UserError: DVC would not watch one (see `require_watched`), or there are too few images in it, even if none of
            them is broken.
    """
    data, transfer = params.data, params.eval.transfer
    require_watched(root, transfer.name, Path(transfer.path), None)
    if listing := require_watched(root, data.name, Path(data.path), data.table):
        train, test = split_listing(listing, test_fraction=data.test_fraction, limit=data.limit, seed=data.split_seed)
        how = {"name": data.name, "fraction": data.validation_fraction, "seed": data.split_seed}
        validation = draw_held_out(train, test, classes=listing.classes, **how)
        params.require_enough(len(train) - len(validation), len(listing.classes))
