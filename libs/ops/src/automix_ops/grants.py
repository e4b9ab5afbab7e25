"""Every role, user and key of a deployment as its server has them: SQL, a NATS configuration, policies of S3.

For servers that no job may administer. Passwords are left out: who creates them puts them in.
"""

import json

from automix_platform.access import DATABASE, DATABASE_ROLES, NATS_USERS, S3_KEYS, policy


def database_grants() -> str:
    """SQL for an administrator of PostgreSQL; `:'auth'` and its like are psql variables that hold the passwords."""
    lines = [
        f"CREATE DATABASE {DATABASE};",
        f"\\connect {DATABASE}",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
    ]
    owners = [role.name for role in DATABASE_ROLES if not role.reader]
    for role in DATABASE_ROLES:
        lines += [
            f"CREATE ROLE {role.name} LOGIN CONNECTION LIMIT {role.connection_limit} PASSWORD :'{role.name}';",
            f"GRANT CONNECT ON DATABASE {DATABASE} TO {role.name};",
        ]
        if role.reader:
            lines.append(f"ALTER ROLE {role.name} SET default_transaction_read_only = on;")
        else:
            lines += [
                f"CREATE SCHEMA {role.name} AUTHORIZATION {role.name};",
                f"ALTER ROLE {role.name} IN DATABASE {DATABASE} SET search_path = {role.name};",
            ]
    for reader in (role.name for role in DATABASE_ROLES if role.reader):
        for owner in owners:
            lines += [
                f"GRANT USAGE ON SCHEMA {owner} TO {reader};",
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {owner} GRANT SELECT ON TABLES TO {reader};",
            ]
    return "\n".join(lines) + "\n"


def messaging_grants() -> str:
    """The `authorization` block of a NATS configuration; passwords are read from the server's environment."""
    users = "\n".join(
        f"    {{ user: {user.name}, password: $NATS_{user.name.upper()}, permissions: {{\n"
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
