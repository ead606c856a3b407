"""`python -m anchordiff`, for `torchrun -m anchordiff train …` and where the command is not on the path."""

import sys

from anchordiff.cli import main

if __name__ == "__main__":
    sys.exit(main())
