#!/usr/bin/env python3
"""What each public header costs to include, and what using it once adds to an object file.

    compile_time.py [--rounds N] [--json] [COMPILER...]      default: 7 rounds, g++ and clang++ where installed

CPU seconds of `COMPILER -std=c++20 -c`, the least of N compilations, headers in turns; the ratio is to <string> and <vector>.
Object size: the text of `-O2 -DNDEBUG`, with the header used as in USES below. The same for what users may compare with.
"""
import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = "<string> <vector>"

# One use of each header that does something, as small as it can be.
USES = {
    "parser": """std::size_t use(std::string_view octets, stomp::parser& p) {
        std::size_t n = 0;
        p.feed(octets);
        while (p.next() == stomp::parse_status::frame) n += p.frame().body.size();
        return n;
    }""",
    "encode": """stomp::errc use(std::string& out, std::string_view body) {
        return stomp::encode(out, stomp::command::send, {{"destination", "/queue/a"}}, body, stomp::version::v1_2);
    }""",
    "client": """std::size_t use(stomp::client_session& s, std::string_view octets, stomp::time_point now) {
        if (s.receive(octets, now) != stomp::errc::ok) return 0;
        while (const auto e = s.poll_event()) {
            if (e->kind == stomp::client_event::message && s.ack(*e) != stomp::errc::ok) return 0;
        }
        if (s.send("/queue/a", "x", {{"receipt", s.next_receipt_id()}}) != stomp::errc::ok) return 0;
        s.handle_timeout(now);
        return s.output().size();
    }""",
    "server": """std::size_t use(stomp::server_session& s, std::string_view octets, stomp::time_point now) {
        if (s.receive(octets, now) != stomp::errc::ok) return 0;
        while (const auto e = s.poll_event()) {
            if (e->kind == stomp::server_event::connect && s.accept() != stomp::errc::ok) return 0;
            if (e->kind == stomp::server_event::send && s.message({}, e->frame, 1) != stomp::errc::ok) return 0;
        }
        s.handle_timeout(now);
        return s.output().size();
    }""",
    "broker": """std::size_t use(stomp::broker& b, stomp::connection_id id, std::string_view octets, stomp::time_point now) {
        if (b.receive(id, octets, now) != stomp::errc::ok) return 0;
        while (const auto e = b.poll_event()) {
            if (e->kind == stomp::broker_event::connect && b.accept(id) != stomp::errc::ok) return 0;
        }
        if (b.publish("/topic/a", "x") != stomp::errc::ok) return 0;
        std::size_t n = 0;
        while (const auto changed = b.poll_changed()) n += b.output(*changed).size();
        b.handle_timeout(now);
        return n;
    }""",
}


def headers():
    names = sorted(p.stem for p in (ROOT / "include/stomp").glob("*.hpp"))
    if not Path("/usr/include/fmt/format.h").exists():
        names = [n for n in names if not n.startswith("fmt")]
    return names


def source(name):
    if name == BASE:
        return "#include <string>\n#include <vector>\n"
    return f"#include <stomp/{name}.hpp>\n"


def seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def text_size(path):
    """Code and constants; `size` puts .rodata with them."""
    lines = subprocess.run(["size", path], check=True, capture_output=True, text=True).stdout.splitlines()
    return int(lines[1].split()[0])


def measure(compiler, rounds, folder):
    command = [compiler, "-std=c++20", "-I", str(ROOT / "include"), "-c", "-o", str(folder / "out.o")]
    names = [BASE] + headers()
    best = {}
    for name in names:
        (folder / "in.cpp").write_text(source(name))
        os.replace(folder / "in.cpp", folder / f"{names.index(name)}.cpp")
    for _ in range(rounds):
        for i, name in enumerate(names):
            took = seconds(command + [str(folder / f"{i}.cpp")])
            best[name] = min(best.get(name, took), took)
    result = {}
    for name in names:
        result[name] = {"seconds": best[name], "ratio": best[name] / best[BASE]}
        if name in USES:
            (folder / "use.cpp").write_text(source(name) + USES[name] + "\n")
            subprocess.run(command + ["-O2", "-DNDEBUG", str(folder / "use.cpp")], check=True)
            result[name]["text"] = text_size(folder / "out.o")
    return result


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("compilers", nargs="*")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    compilers = given.compilers or [c for c in ("g++", "clang++") if shutil.which(c)]
    os.environ["CCACHE_DISABLE"] = "1"
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers:
            results[compiler] = measure(compiler, given.rounds, Path(folder))
    if given.json:
        json.dump(results, sys.stdout, indent=2)
        return
    print("| include | " + " | ".join(f"{c}: ms | ratio | text -O2" for c in compilers) + " |")
    print("|---|" + "---:|---:|---:|" * len(compilers))
    for name in results[compilers[0]]:
        cells = []
        for compiler in compilers:
            r = results[compiler][name]
            cells.append(f"{r['seconds'] * 1000:.0f} | {r['ratio']:.2f} | {r.get('text', '')}")
        print(f"| {name if name == BASE else f'stomp/{name}.hpp'} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
