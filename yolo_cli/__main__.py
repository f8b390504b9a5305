"""``python -m yolo_cli``: the command, also where another program is called ``yolo``."""

from yolo_cli.cli import main

if __name__ == "__main__":
    main()
