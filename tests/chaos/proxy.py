#!/usr/bin/env python3
"""A proxy on loopback that treats its connections badly: delays, stalls, cuts, resets, and frames that end in the middle.

    proxy.py TARGET_PORT SEED

Prints `PORT n`. After SIGUSR1 it is harmless, and what it has cut stays cut. Standard library only.
"""
import asyncio
import random
import signal
import socket
import struct
import sys

LOOPBACK = "127.0.0.1"
LIFE = 1.5  # seconds: the mean time until something happens to a connection


class Proxy:
    def __init__(self, target, seed):
        self.target = target
        self.dice = random.Random(seed)
        self.calm = asyncio.Event()
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def report(self):
        return "".join(f"{name} {n}\n" for name, n in sorted(self.counts.items()))

    async def serve(self, reader, writer):
        try:
            there = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            self.count("proxy.refused")  # the broker is down
            reset(writer)
            return
        self.count("proxy.connections")
        link = Link(self, (reader, writer), there)
        await link.run()


class Link:
    """One connection through the proxy: two pumps and a fate."""

    def __init__(self, proxy, here, there):
        self.proxy, self.dice = proxy, proxy.dice
        self.here, self.there = here, there
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.truncate = False

    async def run(self):
        tasks = [asyncio.create_task(t) for t in (self.pump(self.here[0], self.there[1]),
                                                  self.pump(self.there[0], self.here[1]), self.fate())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, writer in (self.here, self.there):
            if not writer.is_closing():
                writer.close()

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(4096):
                await self.flowing.wait()
                if not self.proxy.calm.is_set():
                    await asyncio.sleep(self.dice.random() * (0.05 if self.dice.random() < 0.1 else 0.004))
                    await self.flowing.wait()
                if self.truncate:
                    self.proxy.count("proxy.truncated")
                    writer.write(data[:self.dice.randrange(len(data))])
                    await writer.drain()
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            pass

    async def fate(self):
        """Returns when the connection has to go."""
        calm = asyncio.create_task(self.proxy.calm.wait())
        try:
            while True:
                done, _ = await asyncio.wait([calm], timeout=self.dice.expovariate(1 / LIFE))
                if done:
                    self.flowing.set()
                    await asyncio.Event().wait()  # nothing will happen
                what = self.dice.choice(["close", "reset", "reset", "truncate", "truncate", "stall", "silence"])
                if what == "truncate":
                    self.truncate = True
                    continue
                self.proxy.count(f"proxy.{what}")
                if what in ("stall", "silence"):
                    self.flowing.clear()
                    await asyncio.wait([calm], timeout=1 + self.dice.random() if what == "stall" else 7)
                    self.flowing.set()
                    if what == "stall":
                        continue
                if what != "close":
                    reset(self.here[1])
                    reset(self.there[1])
                return
        finally:
            calm.cancel()


def reset(writer):
    """Ends with RST instead of FIN: whatever is on its way is lost."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


async def main(target, seed):
    proxy = Proxy(target, seed)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, proxy.calm.set)
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.start_server(proxy.serve, LOOPBACK, 0)
    print(f"PORT {server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()
    server.close()
    print(proxy.report(), end="", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
