"""``python -m deploy.strimzi`` writes topics and users of Kafka for Strimzi; a test fails while they are stale.

Topics are those of schemas/topics.py, as `numberline init` would create them; users have the rules of
pipeline/acls.py. ``python -m deploy.strimzi sender NAME...`` prints further users that may send requests.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from numberline.setup.topics import wanted_topics
from pipeline.acls import ROLES, Acl, Role, acls

OVERLAYS = Path(__file__).parent / "k8s" / "overlays"
NOTICE = "# Written by `python -m deploy.strimzi`: change the code there, then run it again.\n"
CLUSTER = NAMESPACE = "numberline"

Manifest = dict[str, Any]


def files() -> Iterator[tuple[Path, str]]:
    """Both files and what they hold."""
    for name, manifests in (("topics", topics(layout())), ("users", users())):
        yield OVERLAYS / "complete" / f"kafka-{name}.yaml", NOTICE + yaml.safe_dump_all(manifests, sort_keys=False)


def layout() -> Mapping[str, str]:
    """The settings that the overlay production gives to `init`."""
    made = yaml.safe_load((OVERLAYS / "production" / "kustomization.yaml").read_text())["configMapGenerator"]
    return dict(literal.split("=", 1) for one in made for literal in one["literals"])


def topics(settings: Mapping[str, str]) -> list[Manifest]:
    """One KafkaTopic for each topic and changelog."""
    partitions, copies = (int(settings[f"NUMBERLINE_{name}"]) for name in ("PARTITIONS", "REPLICATION_FACTOR"))
    return [
        _manifest("KafkaTopic", name, {"partitions": partitions, "replicas": copies, "config": config})
        for name, config in wanted_topics(NAMESPACE, copies).items()
    ]


def users() -> list[Manifest]:
    """One KafkaUser for each role, with a certificate."""
    return [_user(user_name(role), acls(NAMESPACE, role)) for role in ROLES]


def sender(name: str, namespace: str = NAMESPACE) -> Manifest:
    """The user of one more sender of requests: alone in having its certificate, and taken away alone."""
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,39}[a-z0-9])?", name), f"{name} is no name of Kubernetes"
    return _user(f"{user_name('requests')}-{name}", acls(namespace, "requests"))


def _user(name: str, rules: Iterable[Acl]) -> Manifest:
    authorization = {"type": "simple", "acls": [_rule(acl) for acl in rules]}
    return _manifest("KafkaUser", name, {"authentication": {"type": "tls"}, "authorization": authorization})


def user_name(role: Role) -> str:
    """Of a role's user, and of the Secret with its certificate."""
    return f"{NAMESPACE}-{role}"


def _manifest(kind: str, name: str, spec: Manifest) -> Manifest:
    metadata = {"name": name, "labels": {"strimzi.io/cluster": CLUSTER}}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _rule(acl: Acl) -> Manifest:
    named = {"name": acl.name, "patternType": "prefix" if acl.prefix else "literal"}
    operations = ["".join(word.capitalize() for word in one.split("_")) for one in acl.operations]
    return {
        "resource": {"type": acl.resource, **({} if acl.resource == "cluster" else named)},
        "operations": operations,
    }


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            for path, text in files():
                path.write_text(text)
        case ["sender", _, *_]:
            yaml.safe_dump_all(map(sender, sys.argv[2:]), sys.stdout, sort_keys=False)
        case _:
            sys.exit(f"usage: {__doc__}")
