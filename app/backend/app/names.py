"""Names of the services, such as `db`."""

import asyncio
import socket

PATIENCE = 5.0  # seconds that nobody may answer for names
PAUSE = 0.05  # seconds between two tries


async def wait_for_name(host: str) -> None:
    """Return once a name can be looked up.

    Docker itself answers for the names of services: while the engine restarts nobody does, though
    the services behind the names serve all the time.

    Args:
        host: A name, or an address.

    Raises:
        OSError: There is no such name, or nobody answered for it in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        try:
            await loop.getaddrinfo(host, None)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN or loop.time() > deadline:
                raise
            await asyncio.sleep(PAUSE)
        else:
            return
