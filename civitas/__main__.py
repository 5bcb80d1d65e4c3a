"""The way in, for `civitas` and for `python -m civitas`."""

import gc

# What is imported stays: to look for garbage in it again and again is a tenth of a start.
gc.disable()

from civitas.cli import main  # noqa: E402

gc.enable()

if __name__ == "__main__":
    main()
