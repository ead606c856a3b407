"""Print the shell command of a README section, so that what CI runs is what the README says.

Usage: python .ci/readme_command.py HEADING

The command is the first ```bash block below the heading of that text.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def find_command(text: str, heading: str) -> str:
    """The first ```bash block of the section below `heading`, without the fence."""
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    block = section and re.search(r"^```bash\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    if not block:
        raise SystemExit(f"README.md must have a bash block below the heading {heading!r}, found none")
    return block[1]


if __name__ == "__main__":
    sys.stdout.write(find_command(README.read_text("utf-8"), sys.argv[1]))
