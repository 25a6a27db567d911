"""`python -m sp3f_lib <verb>`: the same as `sp3f <verb>`."""

import sys

from sp3f_lib.commands import main

if __name__ == "__main__":
    sys.exit(main())
