"""The `automix` script: an interrupt ends it in order, also while its modules are still being loaded."""

import sys


def main() -> None:
    """Entry point."""
    try:
        from automix_client.cli.main import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
