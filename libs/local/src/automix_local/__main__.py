"""`python -m automix_local up|down|status|logs|studio`, without the client's other commands."""

from automix_local.commands import app

if __name__ == "__main__":
    app(prog_name="python -m automix_local")
