"""Passwords and keys of a deployment on Kubernetes: made once, in one secret, and never changed by a release.

Templates of a chart may hold nothing random, or every rendering would give new passwords. So a job makes what is
missing in the secret and leaves alone what is there.
"""

import base64
import json
import secrets
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from automix_platform.access import DATABASE_ADMIN, DATABASE_ROLES, NATS_USERS, S3_ADMIN, S3_KEYS
from automix_platform.environment import Source

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SERVER = "https://kubernetes.default.svc"
_SECONDS = 30


class ClusterError(Exception):
    """The cluster's API refused a request, or did not answer."""


def names() -> tuple[str, ...]:
    """The key of every credential: `postgres-auth`, `nats-worker`, `s3-media-secret`."""
    roles = (DATABASE_ADMIN, *(role.name for role in DATABASE_ROLES))
    keys = (S3_ADMIN, *(key.name for key in S3_KEYS))
    return (
        *(name_of(Source.DATABASE_URL, role) for role in roles),
        *(name_of(Source.NATS_PASSWORD, user.name) for user in NATS_USERS),
        *(name_of(half, key) for key in keys for half in (Source.S3_ACCESS_KEY, Source.S3_SECRET_KEY)),
    )


def name_of(source: Source, of: str) -> str:
    """The key of the credential that a variable's value holds: the role's, the user's or the S3 key's of that name."""
    return {
        Source.DATABASE_URL: f"postgres-{of}",
        Source.NATS_PASSWORD: f"nats-{of}",
        Source.S3_ACCESS_KEY: f"s3-{of}-access",
        Source.S3_SECRET_KEY: f"s3-{of}-secret",
    }[source]


def missing(data: dict[str, str]) -> dict[str, str]:
    """A new value of 192 random bits, in base64 as secrets have it, for each credential that `data` lacks."""
    return {name: base64.b64encode(secrets.token_hex(24).encode()).decode() for name in names() if name not in data}


@dataclass(frozen=True)
class Cluster:
    """The API of a cluster, as the service account of a pod may use it."""

    server: str
    token: str
    context: ssl.SSLContext

    @classmethod
    def from_pod(cls) -> "Cluster":
        """The cluster that this pod runs in. Raises ClusterError outside of one."""
        try:
            token = (_ACCOUNT / "token").read_text()
            context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
        except OSError as error:
            raise ClusterError(f"this is no pod with a service account: {error}") from error
        return cls(_SERVER, token, context)

    def request(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, object] | None:
        """The answer's object, None for 404. Raises ClusterError."""
        request = urllib.request.Request(  # noqa: S310 - the server is the cluster's own
            f"{self.server}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS, context=self.context) as answer:  # noqa: S310
                found: dict[str, object] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise ClusterError(f"{method} {path}: {error.code} {error.reason}") from error
        except OSError as error:
            raise ClusterError(f"{method} {path}: {error}") from error


def ensure(cluster: Cluster, namespace: str, name: str) -> list[str]:
    """Makes the secret, or what it lacks, and returns the keys it made. Raises ClusterError.

    Two jobs at once do no harm: the second is refused with a conflict, and finds everything there when it runs again.
    """
    secrets_path = f"/api/v1/namespaces/{namespace}/secrets"
    found = cluster.request("GET", f"{secrets_path}/{name}")
    if found is None:
        made = missing({})
        created: dict[str, object] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": made}
        cluster.request("POST", secrets_path, created)
        return sorted(made)
    data = found.get("data")
    known: dict[str, str] = data if isinstance(data, dict) else {}
    made = missing(known)
    if made:
        # The object carries its resourceVersion, so that a change by somebody else in between is a conflict.
        cluster.request("PUT", f"{secrets_path}/{name}", {**found, "data": {**known, **made}})
    return sorted(made)
