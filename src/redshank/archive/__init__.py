"""Footage that leaves the house: clips, time-lapses, and bundles whose signed manifest anyone can check."""
