"""Runs the projects service."""

from automix_common.process.loading import loading

if __name__ == "__main__":
    with loading():
        from automix_projects.composition import main

    main()
