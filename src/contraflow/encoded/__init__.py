"""The encoded data: FFCV files of images, the card that says what they hold, and which images are held out."""
