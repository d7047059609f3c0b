"""The page's server: everything under /api."""
