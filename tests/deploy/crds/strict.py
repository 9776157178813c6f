"""Makes strict JSON schemas of custom resources: python -m tests.deploy.crds.strict DEFINITION.yaml...

Writes KIND_VERSION.json beside this file, for the version of each that is stored. Strict: a field that is not
defined is an error, which a cluster would only drop. Left out are descriptions, and rules that are no schema.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
LEFT_OUT = ("description", "x-kubernetes-validations")


def strict(schema: Any, *, names: bool = False) -> Any:
    """The schema without what is left out. names: its keys are names of fields, not words of the schema."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: strict(value, names=key == "properties" and not names)
        for key, value in schema.items()
        if names or key not in LEFT_OUT
    }
    if not names and "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def write(definition: Path) -> None:
    """One file, for the version that is stored."""
    spec = yaml.safe_load(definition.read_text())["spec"]
    (version,) = [one for one in spec["versions"] if one["storage"]]
    schema = strict(version["schema"]["openAPIV3Schema"])
    # the cluster's own, of every object
    schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {}}
    path = HERE / f"{spec['names']['kind'].lower()}_{version['name']}.json"
    path.write_text(json.dumps(schema, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(Path(name))
