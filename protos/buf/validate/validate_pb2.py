"""Registers the descriptor of buf/validate/validate.proto, which protovalidate carries, for the generated stubs.

protovalidate ships no generated module for google.protobuf; the stubs of this repository import one by this name.
"""

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    timestamp_pb2,
)
from protovalidate._gen.buf.validate.validate_pb import desc

# What validate.proto imports must stand in the pool before it.
REQUIRES = (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2)
DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(desc().proto.to_binary())
