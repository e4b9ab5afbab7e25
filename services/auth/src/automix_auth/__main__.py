"""Runs the auth service."""

from automix_common.process.loading import loading

if __name__ == "__main__":
    with loading():
        from automix_auth.composition import main

    main()
