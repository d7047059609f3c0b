"""Trails: what was analysed, picture by picture, kept beside the media in small files, without a database row per picture."""
