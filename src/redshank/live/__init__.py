"""Live view on the hub: packets of a camera somebody watches, as fragments, chunks, pictures and RTP for any number of viewers."""
