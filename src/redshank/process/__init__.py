"""The bodies of our processes: capture and vision, and what crosses between them."""
