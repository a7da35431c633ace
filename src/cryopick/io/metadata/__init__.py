"""What belongs to images: tilts, alignments, CTF, acquisition."""
