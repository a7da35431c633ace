"""Images: one module per file format, and `open_image` over all of them."""

from cryopick.io.images.mrc_write import mrc_canvas, write_mrc
from cryopick.io.images.name import image_name
from cryopick.io.images.registry import describe_image, open_image, recognise_image
from cryopick.io.images.write import write_image, write_opened

__all__ = [
    "describe_image",
    "image_name",
    "mrc_canvas",
    "open_image",
    "recognise_image",
    "write_image",
    "write_mrc",
    "write_opened",
]
