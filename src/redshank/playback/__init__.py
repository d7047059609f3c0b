"""Recorded footage played back: a range as one MP4, as HLS, a picture of an instant, sprites of an hour. Nothing is re-encoded."""
