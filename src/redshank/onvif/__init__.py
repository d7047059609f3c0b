"""ONVIF (profiles S and T): which cameras are in this network, and what one of them can stream. Our own small client."""
