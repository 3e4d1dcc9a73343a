"""Augmented views of stored images: every step of one view in one compiled function (`views.fill_views`).

Bytes in, bytes out: the steps keep whole grey levels between them, with the arithmetic of Pillow, so that a view is
what torchvision makes of a Pillow image with the same drawn numbers. All arithmetic is integer or plain IEEE (no
fast-math, no libm), so a view does not depend on the processor either.

Images are planar inside: uint8, (channels, height, width) or (channels, pixels), 1 or 3 channels.

Everything that the compiled code calls lies in this folder: compiled code is kept on disk by the folder's content
(`contraflow.compiling`).
"""
