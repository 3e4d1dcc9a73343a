"""What conjugate gradients have met of a Hessian, so that they need not meet it again in the next system."""

from collections.abc import Callable

import torch
from torch import Tensor

MEMORY = 2**27  # bytes of directions and products, at most
IMAGES = 16  # for one direction: using it costs about as much as two of them in a product with the Hessian
PENALTY = 0.99  # share of the penalty in a direction's curvature from which on the rest may be rounding

Inverse = Callable[[Tensor], Tensor]


class Curvature:
    """The last directions (C, K) that met a Hessian, and what it made of them.

    Newton's method solves one system after the other whose matrices hardly differ, and those of two penalties on the
    weights differ by what is known. As preconditioner serves what limited-memory BFGS makes of these pairs, as in
    Morales & Nocedal 2000, "Automatic Preconditioning by Limited Memory Quasi-Newton Updating".

    Args:
        images: Over how many the Hessian is a mean.
        size: Of a direction, C * K.
    """

    def __init__(self, images: int, size: int):
        self._most = min(images // IMAGES, MEMORY // (2 * 8 * size))
        self._directions: list[Tensor] = []
        self._products: list[Tensor] = []

    def meet(self, direction: Tensor, product: Tensor, decay: Tensor) -> None:
        """Take in a direction of positive curvature and its product with the Hessian; `decay` (K,) is the penalty's
        part of that."""
        length = (direction * product).sum().sqrt()
        self._directions.append(direction / length)
        self._products.append((product - decay * direction) / length)
        spare = len(self._directions) - self._most
        del self._directions[: max(0, spare)], self._products[: max(0, spare)]

    def refine(self, inverse: Inverse, decay: Tensor) -> Inverse:
        """A better preconditioner, with what was met; symmetric and positive where `inverse` is so.

        It is the inverse matrix of BFGS in the compact form of Byrd, Nocedal & Schnabel 1994, "Representations of
        Quasi-Newton Matrices and their Use in Limited Memory Methods", theorem 2.2.
        """
        if not self._directions:
            return inverse
        s, y = torch.stack(self._directions), torch.stack(self._products)
        y += decay * s
        s, y = s.flatten(1), y.flatten(1)
        curvature = (s * y).sum(dim=1)
        known = curvature > 1 - PENALTY  # it was 1 with the penalty of then
        s, y, curvature = s[known], y[known], curvature[known, None]
        r = (s @ y.T).triu()

        def refined(v: Tensor) -> Tensor:
            column = v.reshape(-1, 1)
            u = torch.linalg.solve_triangular(r, s @ column, upper=True)
            w = inverse((column - y.T @ u).view_as(v)).reshape(-1, 1)
            rest = torch.linalg.solve_triangular(r.T, curvature * u - y @ w, upper=False)
            return (w + s.T @ rest).view_as(v)

        return refined
