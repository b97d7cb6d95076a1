"""`followup demo`: one order through all seven services in one process, printed step by step."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.cli.options import PortOption, settings_of
from services.demo.environment import RunningDemo, running_demo
from services.demo.history.history import SPAN, HistoryProgress, fill
from services.demo.story import Story
from shared.clock import SystemClock
from shared.process import loop_factory
from shared.telemetry import logs

PATIENCE_SECONDS = 15.0
_TITLE_COLUMNS = 18
_END_SECONDS = 5.0
"""How long the application may take to shut down after a signal."""


def demo(
    data: Annotated[Path, typer.Option("--data", help="Folder for the demo's files; emptied at each start.")] = Path(
        "data/demo"
    ),
    port: PortOption = None,
    once: Annotated[bool, typer.Option("--once", help="End after the last step; 0 when every step was seen.")] = False,  # noqa: FBT002 - a flag
    empty: Annotated[bool, typer.Option("--empty", help="Leave out the thirty days after the last step.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Send a signed order through all seven services and print each step; then keep running, to look around.

    After the last step the shop lives through thirty days of orders, texts and replies, so that every page has
    something to show: in a minute, by the demo's clock.

    Example: followup demo
    Example: followup demo --empty
    Example: followup demo --once --port 0
    """
    logs.configure("error", form="text")
    code = tell_story(data, settings_of(port=port).port, once=once, has_history=not (once or empty))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        raise typer.Exit(runner.run(code))


async def tell_story(
    data: Path,
    port: int,
    *,
    once: bool,
    has_history: bool = False,
    patience_seconds: float = PATIENCE_SECONDS,
    prepare: Callable[[RunningDemo], None] | None = None,
) -> int:
    """Start the demo and run its steps; return the exit code: 1 when a step was not seen, after printing which.

    `has_history` lets the shop open thirty days ago, and live until now after the last step. `prepare` may change the
    running demo before the first step; tests use it to check that a step notices a fault.
    """
    console = Console(highlight=False)
    opens_at = SystemClock().now() - SPAN if has_history else None
    async with running_demo(data, port=port, starts_at=opens_at) as running:
        if prepare is not None:
            prepare(running)

        def tell(title: str, sentence: str) -> None:
            console.print(f"[green]✓[/] [bold]{title:<{_TITLE_COLUMNS}}[/] {escape(sentence)}", soft_wrap=True)

        console.print("[bold]Followup[/]: seven services in one process, a simulated provider, one shop.\n")
        try:
            missing = await Story(running.actions, running.clock.now, tell, patience_seconds).run()
        except httpx2.TransportError:
            ended, _ = await asyncio.wait({running.serving}, timeout=_END_SECONDS)
            if not ended:
                raise
            console.print("\nThe demo was stopped before its last step.")
            return 1
        if missing is not None:
            console.print(f"[red]✗[/] [bold]{missing}[/]: not seen within {patience_seconds:.0f} s")
            return 1
        if has_history and not await _live(console, running):
            console.print("\nThe demo was stopped; what the shop lived through so far is complete.")
            return 0
        if not once:
            await _stay(console, running)
    return 0


async def _live(console: Console, running: RunningDemo) -> bool:
    """Let the shop live until now, with a progress bar; return False where the demo was stopped meanwhile."""
    console.print("\nThat was the shop's first day. Now it lives through the thirty days until today.")
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("history", total=None)

        def tell(progress: HistoryProgress) -> None:
            bar.update(task, total=progress.of, completed=progress.done, description=f"{progress.at:%b %d}")

        logs.configure("critical", form="text")  # what the script lets go wrong would stand between the bar's lines
        is_complete = await fill(running, running.clock.machine_now(), tell, is_ending=running.is_ending)
    logs.configure("error", form="text")
    if is_complete:
        running.clock.move(timedelta())
    return is_complete


async def _stay(console: Console, running: RunningDemo) -> None:
    """Print the addresses to open, and keep running until interrupted."""
    address = running.address
    made = await running.actions.ask("/console/codes", {})
    console.print(f"\n[bold]Console[/]  {address}{made['path'] if made else '/console'}", soft_wrap=True)
    console.print(f"[bold]Phones[/]   {address}/simulator", soft_wrap=True)
    console.print(f"[bold]API[/]      {address}/docs", soft_wrap=True)
    console.print(f"[bold]Key[/]      export FOLLOWUP_API_KEY={running.secrets.api_key}", soft_wrap=True)
    console.print("\nThe key works in this demo only. Ctrl-C ends the demo.")
    await running.serving
