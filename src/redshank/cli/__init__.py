"""The command line. Heavy imports live inside commands so that `redshank --help` is instant."""


def main() -> None:
    """Entry point of the `redshank` command."""
    raise SystemExit("not wired yet")
