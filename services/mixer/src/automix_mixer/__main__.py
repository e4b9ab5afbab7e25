"""Runs the mixer's API process."""

from automix_common.process.loading import loading

if __name__ == "__main__":
    with loading():
        from automix_mixer.composition import main

    main()
