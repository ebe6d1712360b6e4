#!/usr/bin/env python3
"""Draws results of `run --json` as an SVG: chart.py results.json > benchmark.svg. Readable on light and on dark."""
import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, STEP = 880, 290, 150, 18, 26

STYLE = """
  .back { fill: #ffffff }
  text { font: 13px system-ui, sans-serif; fill: #24292f; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
  .title { font-size: 16px; font-weight: 600 }
  .note, .tick { font-size: 11px; fill: #57606a }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .ours { fill: #1a7f37 } .stomp { fill: #0969da } .http { fill: #8250df } .limit { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 }
    text { fill: #e6edf3; stroke: #0d1117 }
    .note, .tick { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .ours { fill: #3fb950 } .stomp { fill: #4493f8 } .http { fill: #ab7df8 } .limit { fill: #848d97 }
  }
"""


def nice(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def panel(top, title, note, bars, unit):
    """Horizontal bars on a logarithmic scale. bars: (label, class, value, text behind it)."""
    low = 10 ** math.floor(math.log10(min(v for _, _, v, _ in bars)))
    high = max(max(v for _, _, v, _ in bars), low * 10)
    room = WIDTH - LEFT - RIGHT

    def x(value):
        return LEFT + room * math.log(value / low) / math.log(high / low)

    bottom = top + 50 + STEP * len(bars)
    lines = [f'<text class="title" x="16" y="{top + 18}">{escape(title)}</text>',
             f'<text class="note" x="16" y="{top + 36}">{escape(note)}</text>']
    tick = low
    while tick <= high:
        lines.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top + 46}" y2="{bottom}"/>')
        lines.append(f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 14}" text-anchor="middle">{tick:,.0f} {unit}</text>')
        tick *= 10
    for i, (label, kind, value, behind) in enumerate(bars):
        y = top + 50 + STEP * i
        lines.append(f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(label)}</text>')
        lines.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{max(x(value) - LEFT, 2):.1f}" height="{BAR}" rx="2"/>')
        lines.append(f'<text x="{max(x(value), LEFT + 2) + 8:.1f}" y="{y + 14}">{escape(behind)}</text>')
    return lines, bottom + 34


def draw(results):
    top = 12
    lines = []
    parsed = [r for r in results.get("peers", []) if r["corpus"] == "small"]
    if parsed:
        kinds = {"ours": "ours", "limit": "limit", "http": "http", "peer": "stomp"}
        bars = [(r["program"], kinds[r["kind"]], r["ns"],
                 f"{nice(r['ns'])} ns" + ("!" if r["differs"] else "") + ("" if r["ratio"] == 1 else f"  ({nice(r['ratio'])}x)"))
                for r in sorted(parsed, key=lambda r: r["ns"])]
        more, top = panel(top, "Reading a MESSAGE of 250 octets with 6 headers: nanoseconds, logarithmic",
                          "green: this library, all checks on; grey: what no parser can beat; purple: parsers of HTTP of the same "
                          "shape; blue: of STOMP" + ("; !: wrong" if any(r["differs"] for r in parsed) else ""), bars, "ns")
        lines += more
    loads = [r for r in results.get("tcp", []) if list(r["load"]) == ["topic", 100, 100] and r["cpu_per_million"] > 0]
    if loads:
        bars = [(r["broker"], "ours" if r["ratio"] == 1 else "stomp", 1e6 / r["cpu_per_million"],
                 f"{nice(1e6 / r['cpu_per_million'])}" + ("" if r["ratio"] == 1 else f"  (1/{nice(r['ratio'])})"))
                for r in sorted(loads, key=lambda r: r["cpu_per_million"])]
        more, top = panel(top + 10, "Brokers over loopback TCP: messages delivered per CPU second, logarithmic",
                          "one publisher, 100 subscribers of a topic, 100 octets; the same load program for each", bars, "/s")
        lines += more
    if "machine" in results:
        m = results["machine"]
        text = f"{m['cpu']}, {m['cores']} cores; {m['compiler']}; {m['flags']}; {m['rounds']} rounds; {m['date']}"
        lines.append(f'<text class="note" x="16" y="{top + 16}">{escape(text)}</text>')
        top += 30
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
                      f'role="img" aria-label="Benchmark results as bars; the same figures stand in benchmarks/README.md">',
                      f"<style>{STYLE}</style>", '<rect class="back" width="100%" height="100%" rx="6"/>'] + lines + ["</svg>"]) + "\n"


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        sys.stdout.write(draw(json.load(file)))
