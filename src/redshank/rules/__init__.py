"""What the user wants to know: rules held against what vision sees. Pure: no clock, no I/O, no thread."""
