"""python -m documents.judging < question.json > verdict.json

The file comes from a stranger. It is read here with little memory and little time, so that a file
made to burst on reading takes this process along and nothing else. Nothing is fetched or stored.
"""

from __future__ import annotations

import json
import logging
import resource
import sys

from documents.judging.bounds import MEMORY, SECONDS
from documents.judging.judge import judge


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable(logging.CRITICAL)
    question = json.load(sys.stdin)
    sys.stdout.write(json.dumps(judge(question)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
