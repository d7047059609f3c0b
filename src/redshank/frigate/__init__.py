"""A configuration of Frigate (0.12 to 0.18) → one of Redshank, with a line for each of its keys."""
