"""Texts as bags of tokens: what any representation of texts has to beat."""

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from contraflow.encoded.texts import Rows


class BagOfTokens(nn.Module):
    """Maps rows (B, 1 + T), as `contraflow.views.texts` gives them, to TF-IDF of all their tokens (B, V), of length 1.

    Frequencies count as 1 + log, and inverse document frequencies are those that scikit-learn finds in some texts.

    Args:
        tokens: Of the texts that it learns from.
        vocabulary: V, how many tokens there are.
    """

    def __init__(self, tokens: Rows, vocabulary: int):
        from sklearn.feature_extraction.text import TfidfTransformer  # a second, which others need not wait for

        super().__init__()
        ones = np.ones(len(tokens.values), np.float32)
        counts = csr_matrix((ones, tokens.values, tokens.begins), (len(tokens), vocabulary))
        counts.sum_duplicates()
        idf = TfidfTransformer().fit(counts).idf_
        self.register_buffer("idf", torch.from_numpy(idf.astype(np.float32)))

    def forward(self, rows: Tensor) -> Tensor:
        tokens = rows[:, 1:]
        counts = torch.zeros(len(rows), len(self.idf), device=rows.device)
        counts.scatter_add_(1, tokens, (tokens > 0).float())  # 0 only fills up
        weighed = torch.where(counts > 0, 1 + counts.clamp(min=1).log(), 0) * self.idf
        return nn.functional.normalize(weighed)
