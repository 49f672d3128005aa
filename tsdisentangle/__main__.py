"""``python -m tsdisentangle``: the command line."""

import sys

from tsdisentangle.cli import main

sys.exit(main())
