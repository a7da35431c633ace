"""RELION's figure of merit in micrographs: references turned in the plane, and picks from them."""
