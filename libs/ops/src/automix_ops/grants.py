"""Every role, user and key of a deployment in the form that its server takes: SQL, a NATS configuration, S3 policies.
They serve where no job may administer the servers. Passwords are left out: who creates them puts them in.
"""

import json
from collections.abc import Callable, Iterable

from automix_platform.access import DATABASE, DATABASE_ROLES, NATS_USERS, S3_KEYS, policy
from psycopg import sql

from automix_ops import roles


def database_grants() -> str:
    """SQL for an administrator of PostgreSQL; `:'auth'` and its like are psql variables that hold the passwords."""
    outside = (roles.create_database(DATABASE), roles.close_database(DATABASE))
    inside = (
        *(roles.create_role(role) for role in DATABASE_ROLES),
        *roles.grants(lambda role: sql.SQL(f":'{role.name}'"), DATABASE),
    )
    return f"{_script(outside)}\\connect {DATABASE}\n{_script(inside)}"


def _script(statements: Iterable[sql.Composable]) -> str:
    return "".join(f"{statement.as_string()};\n" for statement in statements)


def messaging_grants(password: Callable[[str], str] = lambda user: f"$NATS_{user.upper()}") -> str:
    """The `authorization` block of a NATS configuration; by default the server reads passwords from its environment.

    `password` answers with a user's password as the configuration is to have it.
    """
    users = "\n".join(
        f"    {{ user: {user.name}, password: {password(user.name)}, permissions: {{\n"
        f"      publish: {{ allow: {json.dumps(user.publish_subjects)} }}\n"
        f"      subscribe: {{ allow: {json.dumps(user.subscribe_subjects)} }}\n"
        "    } }"
        for user in NATS_USERS
    )
    return f"authorization {{\n  users: [\n{users}\n  ]\n}}\n"


def object_grants() -> str:
    """An IAM policy for each S3 key."""
    return "".join(f"-- {key.name}\n{json.dumps(policy(key), indent=2)}\n" for key in S3_KEYS)


def grants() -> str:
    """All three, each under a title."""
    return (
        f"-- PostgreSQL\n{database_grants()}\n"
        f"-- NATS, with JetStream and sync_interval: always\n{messaging_grants()}\n"
        f"-- S3\n{object_grants()}"
    )
