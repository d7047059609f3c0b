"""The configuration: one commented YAML file, read once at the edge into frozen sections."""
