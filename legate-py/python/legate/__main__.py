"""`python -m legate` is the `legate` command."""

import sys

from legate.driver import main

if __name__ == "__main__":
    sys.exit(main())
