"""python3 stomp_py.py FOLDER"""
import sys
import time

from stomp import utils


def passes(octets):
    """Cut at NUL, unless content-length says that the body goes on: what its transport does."""
    frames = headers = values = bodies = 0
    at = 0
    while at < len(octets):
        end = octets.find(b"\x00", at)
        if end < 0:
            break
        head = octets.find(b"\n\n", at, end)
        mark = octets.find(b"\ncontent-length:", at, head + 1)
        if mark >= 0 and head >= 0:
            size = int(octets[mark + 16 : octets.find(b"\n", mark + 16)])
            end = max(end, head + 2 + size)
        frame = utils.parse_frame(octets[at:end])
        at = end + 1
        if frame is None or frame.cmd == "heartbeat":
            continue
        frames += 1
        headers += len(frame.headers)
        values += sum(map(len, frame.headers.values()))
        bodies += len(frame.body or b"")
    return frames, headers, values, bodies


for name in ("small", "chat", "heavy", "nolen", "mixed"):
    with open(f"{sys.argv[1]}/{name}.stomp", "rb") as file:
        octets = file.read()
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter_ns()
        sums = passes(octets)
        best = min(best, time.perf_counter_ns() - begin)
    print(name, f"{best / max(sums[0], 1):.1f}", *sums)
