"""Runs the gateway."""

from automix_common.process.loading import loading

if __name__ == "__main__":
    with loading():
        from automix_gateway.composition import main

    main()
