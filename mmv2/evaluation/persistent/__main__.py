"""See ``mmv2.evaluation.persistent.command``."""

import sys

from mmv2.errors import UserError
from mmv2.evaluation.persistent.command import main

if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
