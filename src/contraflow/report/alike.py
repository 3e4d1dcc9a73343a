"""Why test images are near: what each region of both gives to the cosine of their features."""

import numpy as np

from contraflow.pages.pictures import lit, picture
from contraflow.report.run import Run


def alike(run: Run) -> dict | None:
    """Pairs of test images near each other; None where there are none.

    The `side` of the last feature map, 0 where there is none, and nothing else then; `seed`, and `typical` and `worst`
    pairs: `cosine`, and of `both` images picture, `what` it is and is `called`, class (None without) and picture `lit`.
    """
    found = run.pairs
    if not len(found.pair):
        return None
    if not run.regions.shape[-1]:
        return {"side": 0}
    images = run.shown.images("test", found.pair.ravel())
    images = images.reshape(*found.pair.shape, *images.shape[1:])
    shown = [
        {"worst": bool(worst), "cosine": float(cosine), "both": _both(run, pair, of, regions)}
        for pair, cosine, worst, of, regions in zip(
            found.pair.tolist(), found.cosine, found.worst, images, run.regions, strict=True
        )
    ]
    return {
        "seed": run.params.seeds[0],
        "side": run.regions.shape[-1],
        "typical": [each for each in shown if not each["worst"]],
        "worst": [each for each in shown if each["worst"]],
    }


def _both(run: Run, pair: list[int], images: np.ndarray, regions: np.ndarray) -> list[dict]:
    labels = [int(run.labels[index]) for index in pair]
    most = float(np.abs(regions).max())
    return [
        picture(image)
        | {
            "what": f"Test image {index}",
            "called": f"no. {index}",
            "class": run.classes[label] if label >= 0 else None,
            "lit": lit(image, given, most),
        }
        for index, label, image, given in zip(pair, labels, images, regions, strict=True)
    ]
