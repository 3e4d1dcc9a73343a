"""Neighbourhoods of a graph, grown image by image; compiled."""

import numpy as np

from contraflow.compiling import kernel, part


@kernel
def grow(
    first: np.ndarray, linked: np.ndarray, places: np.ndarray, windows: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divide all images into neighbourhoods of up to `most`, each image into one.

    One begins with the first image that is still free, and takes in the free one with most links into it, of equals
    the one that came in sight last, which makes chains rather than heaps. It ends where no link leads to a free image
    that is apart from none of its own.

    Args:
        first, linked: The links of image i are `linked[first[i] : first[i + 1]]`; each goes both ways.
        places, windows: Images whose places (N,) in a row of `places` (R, N) differ by at most its window (R,) are kept
            apart.
        most: At least 1.

    Returns:
        The images (N,) in the order in which they were taken, and where each neighbourhood begins, (N,) bool.
    """
    n = len(first) - 1
    order, begins = np.empty(n, np.int64), np.zeros(n, np.bool_)
    free, links, seen = np.ones(n, np.bool_), np.zeros(n, np.int64), np.empty(n, np.int64)
    taken = 0
    for start in range(n):
        if not free[start]:
            continue
        begin, in_sight, image = taken, 0, start
        begins[begin] = True
        while image >= 0:
            free[image] = False
            order[taken] = image
            taken += 1
            if taken - begin == most:
                break
            for i in range(first[image], first[image + 1]):
                other = linked[i]
                if free[other]:
                    if links[other] == 0:
                        seen[in_sight] = other
                        in_sight += 1
                    links[other] += 1
            image = -1
            while image < 0:
                image = _most_linked(seen[:in_sight], links, free)
                if image < 0:
                    break
                for member in order[begin:taken]:
                    if _apart(image, member, places, windows):
                        links[image] = -n  # not into this one, whatever leads to it
                        image = -1
                        break
        for other in seen[:in_sight]:
            links[other] = 0
    return order, begins


@part
def _most_linked(seen: np.ndarray, links: np.ndarray, free: np.ndarray) -> int:
    """The free image with most links, of equals the last; -1 where there is none with any."""
    best, most = -1, 1
    for image in seen:
        if free[image] and links[image] >= most:
            best, most = image, links[image]
    return best


@part
def _apart(image: int, other: int, places: np.ndarray, windows: np.ndarray) -> bool:
    """Whether two images are to be kept apart."""
    found = False
    for row in range(len(places)):
        found |= abs(places[row, image] - places[row, other]) <= windows[row]
    return found
