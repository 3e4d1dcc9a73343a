"""The recipe of all cases: SimCLR's, with its strengths for small images (Chen et al. 2020, appendix B.9)."""

from contraflow.views.settings import ViewRecipe

SIMCLR = ViewRecipe(
    crop_scale=[0.08, 1.0],
    crop_ratio=[0.75, 4 / 3],
    flip=0.5,
    rotation=0.0,
    jitter=0.8,
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
    hue=0.1,
    grey=0.2,
    blur=0.5,
    blur_sigma=[0.1, 2.0],
    solarise=0.0,
)
