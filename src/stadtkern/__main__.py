"""``python -m stadtkern``."""

from stadtkern.cli import main

if __name__ == "__main__":
    main()
