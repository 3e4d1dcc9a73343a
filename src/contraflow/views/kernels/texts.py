"""Views of texts: pieces of them, and pieces with gaps."""

from contraflow.compiling import kernel
from contraflow.views.kernels.draws import uniform

# Slots of the random numbers of a view, beyond those of the dropout of encoders, which has the same keys.
LENGTH, START, KEPT, TOKEN = (1 << 40) + 0, (1 << 40) + 1, (1 << 40) + 2, (1 << 40) + 3


@kernel
def fill_pieces(values, begins, texts, keys, before, behind, least, most, dropped, out):
    """The tokens of a view of each text into rows.

    A random piece of a text stays, of which each token is left out with a probability; at least one stays. The tokens
    that stand before and behind every text stay, too.

    Args:
        values, begins: int32 and int64, the tokens of all texts, as `contraflow.encoded.texts.Rows`.
        texts: (samples,) int64, which of them.
        keys: (samples,) uint64, of each view, as `fill_keys` gives them.
        before, behind: How many tokens stand before and behind every text.
        least, most: Share of its tokens that the piece has, drawn between these.
        dropped: Probability with which a token is left out.
        out: (samples, length) int64 to fill; zeros so far. What is longer is cut.
    """
    length = out.shape[1]
    for i in range(len(texts)):
        key, row = keys[i], out[i]
        first, last = begins[texts[i]] + before, begins[texts[i] + 1] - behind
        words = last - first
        kept = min(words, max(1, int(uniform(key, LENGTH, least, most) * words + 0.5)))
        start = first + int(uniform(key, START, 0.0, words - kept + 1.0))
        stays = start + int(uniform(key, KEPT, 0.0, float(kept)))
        filled = 0
        for token in range(first - before, last + behind):
            inside = token >= start and token < start + kept
            around = token < first or token >= last
            if around or (inside and (token == stays or uniform(key, TOKEN + token - first, 0.0, 1.0) >= dropped)):
                if filled == length:
                    break
                row[filled] = values[token]
                filled += 1
