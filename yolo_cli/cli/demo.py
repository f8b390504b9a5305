"""``yolo demo``: options in, one page that is served until Ctrl-C."""

from __future__ import annotations

from pathlib import Path

from yolo_cli.cli import options
from yolo_cli.cli.console import say, stderr
from yolo_cli.cli.early import check_network
from yolo_cli.cli.label import PORT, Browser, Port, require_server
from yolo_cli.cli.startup import importing


def demo(  # typer calls it by name
    weights: options.Weights = "default",
    conf: options.Conf = options.DETECT_CONF,
    port: Port = PORT,
    browser: Browser = True,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "auto",
) -> None:
    """Show a detector on a page in the browser: drop photographs, or let the camera look.

    The threshold is a slider, --conf is where it starts; the grid and the
    cells that the boxes belong to can be switched on. Pictures go to this
    machine's own server alone. Ctrl-C here ends it.

    [b]Examples[/b]
    yolo demo
    yolo demo --weights runs/train-1/best.safetensors
    """
    require_server()
    check_network(weights, device)
    with importing():
        from yolo_cli.label.app import application
        from yolo_cli.label.demo import DemoPages
        from yolo_cli.label.proposals import load_detector
        from yolo_cli.label.serve import serve

    detector = load_detector(weights, device=device, precision=precision, backend=backend)

    def ready(address: str) -> None:
        say(stderr(), address, title="open")
        say(stderr(), "Ctrl-C ends it")

    pages = DemoPages(detector, Path(weights).name, conf)
    serve(application(pages.routes()), port, ready, browser=browser)
