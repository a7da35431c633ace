"""Floor 6: the command line; parses and prints, computes nothing."""
