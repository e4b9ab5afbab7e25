"""Generates the Python stubs and the settings beside the protos; with --check, fails when the committed ones differ.

With --image FILE it writes instead the descriptors of all protos, comments included, which `buf lint` and
`buf breaking` read. The protos of others that these import come from installed packages, so that no registry is needed
and no copy is kept: the rules' from protovalidate, the HTTP bindings' from googleapis-common-protos.
"""

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc
from protovalidate._gen.buf.validate.validate_pb import desc
from settings import write_settings

ROOT = Path(__file__).parent
TYPES = ("mypy", "mypy_grpc")
PROTOS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("automix/**/*.proto"))


def run(scratch: Path, *options: str) -> None:
    """Runs protoc over every proto of this folder."""
    foreign = scratch / "foreign.binpb"
    serialized = (desc().proto.to_binary(), http_pb2.DESCRIPTOR.serialized_pb, annotations_pb2.DESCRIPTOR.serialized_pb)
    foreign.write_bytes(
        FileDescriptorSet(file=[FileDescriptorProto.FromString(one) for one in serialized]).SerializeToString()
    )
    includes = [f"-I{ROOT}", f"-I{files('grpc_tools') / '_proto'}"]
    if protoc.main(["protoc", *includes, f"--descriptor_set_in={foreign}", *options, *PROTOS]) != 0:
        sys.exit("protoc refused the protos: its messages stand above")


def generate(target: Path, scratch: Path) -> None:
    """Writes the stubs, their types and the settings below `target`."""
    plugins = [f"--plugin=protoc-gen-{kind}={Path(sys.executable).parent / f'protoc-gen-{kind}'}" for kind in TYPES]
    run(scratch, *plugins, *(f"--{kind}_out={target}" for kind in ("python", "grpc_python", *TYPES)))
    image = scratch / "image.binpb"
    describe(image, scratch)
    write_settings(FileDescriptorSet.FromString(image.read_bytes()), target)


def describe(image: Path, scratch: Path) -> None:
    """Writes the descriptors of all protos, comments included."""
    run(scratch, "--include_imports", "--include_source_info", f"--descriptor_set_out={image}")


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed stubs, change nothing")
    parser.add_argument("--image", type=Path, help="write the descriptors for buf to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if options.image:
            describe(options.image, scratch)
            return
        if not options.check:
            generate(ROOT, scratch)
            return
        fresh = scratch / "fresh"
        fresh.mkdir()
        generate(fresh, scratch)
        stale = [
            path.relative_to(fresh).as_posix()
            for path in sorted(fresh.rglob("*.py*"))
            if not (ROOT / path.relative_to(fresh)).exists()
            or path.read_bytes() != (ROOT / path.relative_to(fresh)).read_bytes()
        ]
        if stale:
            sys.exit("generated stubs differ from the protos, run `make protos`: " + ", ".join(stale))


if __name__ == "__main__":
    main()
