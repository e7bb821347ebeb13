"""`python -m stormlet` is the command `stormlet`."""

from stormlet.cli.main import main

if __name__ == "__main__":
    main()
