"""How a peer's program is asked: a JSON object a line on standard input, answered by one on standard output."""

import json
import os
import sys
from collections.abc import Callable


def serve(answer: Callable[[int, list[str]], int]) -> None:
    """Answer until standard input ends.

    answer: quantity and area codes to numbers reported as delivered; returns when all rows are committed.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        reported = answer(request["quantity"], request["area_codes"])
        print(json.dumps({"reported": reported}), file=out, flush=True)
