"""The socket at every path where there is none."""

from realtime.socket import NOT_YOURS, Socket


class Nowhere(Socket):
    async def admitted(self, owner_id: int) -> None:
        await self.end(NOT_YOURS)
