"""Copies of what cannot be made again (database, configuration, keys), how they get back, and what a damaged database costs."""
