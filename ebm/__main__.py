"""``python -m ebm`` is the command ``ebm``."""

from ebm.cli import main

main(prog_name="ebm")
