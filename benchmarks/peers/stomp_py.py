"""python3 stomp_py.py FOLDER SECONDS"""
import sys
import time

from stomp.transport import BaseTransport


class Reader(BaseTransport):
    """Its own receiver, from octets in memory to Frame, 1,024 octets at a time as its sockets read."""

    def __init__(self, octets):
        super().__init__(auto_decode=False)
        self.pieces = (octets[at : at + 1024] for at in range(0, len(octets), 1024))
        self.sums = [0, 0, 0, 0]
        self.running = True

    def receive(self):
        return next(self.pieces, b"")

    def process_frame(self, frame, _):
        if frame.cmd == "heartbeat":
            return
        self.sums[0] += 1
        self.sums[1] += len(frame.headers)
        self.sums[2] += sum(map(len, frame.headers.values()))
        self.sums[3] += len(frame.body or b"")


for name in ("small", "chat", "heavy", "nolen", "mixed"):
    with open(f"{sys.argv[1]}/{name}.stomp", "rb") as file:
        octets = file.read()
    best = float("inf")
    until = time.perf_counter() + float(sys.argv[2])
    while best == float("inf") or time.perf_counter() < until:
        reader = Reader(octets)
        begin = time.perf_counter_ns()
        reader._BaseTransport__receiver_loop()
        best = min(best, time.perf_counter_ns() - begin)
    print(name, f"{best / max(reader.sums[0], 1):.1f}", *reader.sums, flush=True)
