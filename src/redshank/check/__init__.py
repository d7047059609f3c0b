"""Whether the database and the files agree, and how to make them agree again."""
