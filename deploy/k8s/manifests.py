"""Renders the chart's examples into deploy/k8s/manifests, for `kubectl apply -k`; needs `helm` on the path."""

import argparse
import subprocess
import sys
from pathlib import Path

CHART = Path(__file__).parent / "automix"
MANIFESTS = Path(__file__).parent / "manifests"
NAMESPACE = "automix"


def rendered(example: Path) -> str:
    """Every object of the chart with the values of an example."""
    command = ["helm", "template", "automix", str(CHART), "--namespace", NAMESPACE, "--values", str(example)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - its own arguments
    if done.returncode:
        sys.exit(done.stderr)
    head = f"# Rendered by `make deploy` from examples/{example.name} of the chart: change that, or write an overlay."
    return f"{head}\n{done.stdout}"


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed, change nothing")
    check = parser.parse_args().check
    for example in sorted((CHART / "examples").glob("*.yaml")):
        path = MANIFESTS / example.stem / "automix.yaml"
        text = rendered(example)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"manifests/{example.stem} differs from the chart: run `make deploy`")


if __name__ == "__main__":
    main()
