"""``python -m mmv2``: the same as the command ``mmv2``."""

from mmv2.cli import main

main()
