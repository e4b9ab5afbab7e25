"""The `automix` script: an interrupt ends it in order, also while its modules are still being loaded."""

import gc
import sys


def main() -> None:
    """Entry point."""
    # What is loaded stays to the end: while modules load, and when the interpreter goes, the collector would walk over
    # all of it again and again, for a fifth of a second in all.
    gc.disable()
    try:
        from automix_client.cli.main import main as run  # noqa: PLC0415

        gc.freeze()
        gc.enable()
        run()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
