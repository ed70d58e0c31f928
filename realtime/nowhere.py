"""The socket at every path where there is none."""

from realtime.socket import NOT_YOURS, Socket


class Nowhere(Socket):
    async def admitted(self) -> None:
        await self.close(NOT_YOURS)
