"""`followup demo`: the whole path in one process, told as it happens."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from rich.console import Console
from rich.markup import escape

from services.cli.options import PortOption, settings_of
from services.demo.set import Scene, scene
from services.demo.story import Story
from shared.telemetry import logs

PATIENCE_SECONDS = 15.0
_TITLE_COLUMNS = 18
_END_SECONDS = 5.0
"""Told to end, the house takes no more requests and is gone a little later."""


def demo(
    data: Annotated[
        Path, typer.Option("--data", help="Folder for the demo's own files; emptied at each start.")
    ] = Path("data/demo"),
    port: PortOption = None,
    once: Annotated[bool, typer.Option("--once", help="Tell the story and end: 0 when every step was seen.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Send a real signed order through all five services and tell what happens; then stay up to look around.

    Example: followup demo
    Example: followup demo --once --port 0
    """
    logs.configure("error", form="text")
    raise typer.Exit(asyncio.run(tell_story(data, settings_of(port=port).port, once=once)))


async def tell_story(
    data: Path,
    port: int,
    *,
    once: bool,
    patience_seconds: float = PATIENCE_SECONDS,
    prepare: Callable[[Scene], None] | None = None,
) -> int:
    """Run the scene and the story; return the exit code: 1 names the first step that was not seen.

    `prepare` may change the scene before the story begins: for trying what the story notices.
    """
    console = Console(highlight=False)
    async with scene(data, port=port) as running:
        if prepare is not None:
            prepare(running)

        def tell(title: str, sentence: str) -> None:
            console.print(f"[green]✓[/] [bold]{title:<{_TITLE_COLUMNS}}[/] {escape(sentence)}", soft_wrap=True)

        console.print("[bold]Followup[/]: five services in one process, a simulated provider, one shop.\n")
        try:
            unseen = await Story(running.stage, running.clock.now, tell, patience_seconds).run()
        except httpx2.TransportError:
            ended, _ = await asyncio.wait({running.serving}, timeout=_END_SECONDS)
            if not ended:
                raise
            console.print("\nEnded before the story did.")
            return 1
        if unseen is not None:
            console.print(f"[red]✗[/] [bold]{unseen.title}[/]: not seen within {patience_seconds:.0f} s")
            return 1
        if not once:
            await _stay(console, running)
    return 0


async def _stay(console: Console, running: Scene) -> None:
    """Say where to look, and keep the house up until interrupted."""
    address = running.address
    made = await running.stage.ask("/console/codes", {})
    console.print(f"\n[bold]Console[/]  {address}{made['path'] if made else '/console'}", soft_wrap=True)
    console.print(f"[bold]Phones[/]   {address}/simulator", soft_wrap=True)
    console.print(f"[bold]API[/]      {address}/docs", soft_wrap=True)
    console.print(f"[bold]Key[/]      export FOLLOWUP_API_KEY={running.secrets.api_key}", soft_wrap=True)
    console.print("\nThe key is this demo's alone. Ctrl-C ends it.")
    await running.serving
