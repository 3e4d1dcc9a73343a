"""What a k-NN classifier is told."""

from contraflow.settings.values import Count, Positive, Section


class Knn(Section):
    k: Count
    tau: Positive

    def __str__(self) -> str:
        return f"k = {self.k}, tau = {self.tau:g}"
