from __future__ import annotations

import io

from rich.console import Console

from yolo_cli.progress import progress_bar


def console(width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def text(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_a_bar_says_how_far_and_what() -> None:
    screen = console()
    with progress_bar(screen, detail=True) as bar:
        task = bar.add_task("epoch 1", total=10, detail="loss 3.5")
        bar.update(task, advance=4)
        bar.refresh()
    assert "epoch 1" in text(screen)
    assert "4/10" in text(screen)
    assert "loss 3.5" in text(screen)


def test_no_bar_where_none_is_wanted_or_nobody_looks() -> None:
    screen = console()
    with progress_bar(screen, shown=False) as bar:
        bar.add_task("epoch 1", total=10)
    assert text(screen) == ""
    assert progress_bar(Console(file=io.StringIO())).disable
