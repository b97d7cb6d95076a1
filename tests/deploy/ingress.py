"""A real nginx that runs the shipped configuration, on other ports and with other addresses behind its names."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from shared.testing.process import free_port
from shared.testing.waiting import until
from tests.deploy.programs import program
from tests.deploy.routing import Nginx


@asynccontextmanager
async def nginx(folder: Path, port: int, addresses: Mapping[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    """Run nginx on a port of this machine, and yield a client of it.

    Args:
        folder: where it may write.
        port: where it listens.
        addresses: what stands behind each name of the configuration.
    """
    binary, shipped, own = program("nginx", package="nginx-light"), Nginx.of_compose(), free_port()
    text = shipped.text
    for name, address in shipped.upstreams.items():
        text = text.replace(f"set ${name} {address};", f"set ${name} {addresses[name]};")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("127.0.0.1:8081", f"127.0.0.1:{own}")
    configuration, log = folder / "nginx.conf", folder / "nginx.log"
    configuration.write_text(text.replace("/tmp/", f"{folder}/").replace("/dev/stderr", str(log)), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        binary, "-e", str(log), "-p", str(folder), "-c", str(configuration), "-g", "daemon off; user root;"
    )  # fmt: skip
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

            async def is_up() -> bool:
                assert process.returncode is None, log.read_text(encoding="utf-8")
                try:
                    return (await client.get(f"http://127.0.0.1:{own}/")).is_success
                except httpx2.HTTPError:
                    return False

            await until(is_up)
            yield client
    finally:
        process.terminate()
        await process.wait()
