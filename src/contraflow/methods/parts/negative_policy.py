"""The policy for negatives that `negatives.*` describes; every method that has negatives uses it."""

import torch
from torch import Tensor, nn

from contraflow.losses.comparison import Comparison
from contraflow.losses.false_negatives import attract, eliminate, suspected_share, suspects
from contraflow.losses.mixing import mix
from contraflow.losses.selection import hardest, outside_window, ring, within_margin
from contraflow.losses.weighting import debias, emphasise, harden
from contraflow.methods.parts.settings import MethodSettings


class NegativePolicy(nn.Module):
    """Window, false negatives, selection, mixing and weighting, one after the other.

    The adaptive selection is a ring whose outer bound moves: with more suspected false negatives in the ring than
    `fn_target` it grows, so that farther ones join, with fewer it shrinks, so that harder ones are left. Where MACL
    adapts the temperature, its weights of anchors come last.

    Args:
        settings: Of which the sections negatives and loss are read.
        positions: For the window, as `outside_window` takes them.
    """

    def __init__(self, settings: MethodSettings, positions: Tensor | None = None):
        super().__init__()
        self.settings, self.model_aware = settings.negatives, settings.loss.temperature == "macl"
        self.register_buffer("positions", positions, persistent=False)  # part of the data, not of the training
        if self.settings.selection == "adaptive":
            self.register_buffer("outer", torch.tensor(self.settings.outer))

    def forward(self, comparison: Comparison, tau: float | Tensor) -> Comparison:
        settings = self.settings
        if settings.exclude_window:
            comparison = outside_window(comparison, settings.exclude_window, self.positions)
        if settings.false_negatives != "keep":
            treat = {"eliminate": eliminate, "attract": attract}[settings.false_negatives]
            comparison = treat(comparison, suspects(comparison, settings.fn_top, settings.fn_threshold))
        comparison = self._select(comparison)
        if settings.mixed:
            comparison = mix(
                comparison,
                hardest=settings.mix_hardest,
                pairs=settings.mix_pairs,
                with_anchor=settings.mix_anchor,
            )
        if settings.weighting == "hcl":
            comparison = harden(comparison, tau, settings.beta)
        if settings.weighting != "uniform":
            comparison = debias(comparison, tau, settings.tau_plus)
        if self.model_aware:
            comparison = emphasise(comparison, tau)
        return comparison

    def _select(self, comparison: Comparison) -> Comparison:
        settings = self.settings
        if settings.selection == "ring":
            return ring(comparison, settings.inner, settings.outer)
        if settings.selection == "hardest":
            return hardest(comparison, settings.k)
        if settings.selection == "margin":
            return within_margin(comparison, settings.margin)
        if settings.selection == "adaptive":
            comparison = ring(comparison, settings.inner, self.outer)
            if self.training:
                excess = suspected_share(comparison) - settings.fn_target
                self.outer.mul_(excess.exp()).clamp_(settings.inner, 1)
        return comparison
