"""`python -m deeprecon`: see `deeprecon.cli`."""

import sys

from deeprecon.cli import main

if __name__ == "__main__":
    sys.exit(main())
