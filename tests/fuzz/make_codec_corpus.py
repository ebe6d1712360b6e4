#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets `parser` and `encode_round_trip` from the vectors and the recorded transcripts.

Run it after the vectors have changed: tests/fuzz/make_codec_corpus.py. The seeds are stored, so nobody else needs it.
"""
import base64
import json
import pathlib
import re
import shutil

tests = pathlib.Path(__file__).resolve().parent.parent
corpus = tests / "fuzz" / "corpus"
versions = {"none": 0, "1.0": 1, "1.1": 2, "1.2": 3}
profiles = {"strict": 0, "default": 1, "lenient": 2}
limit_names = ["max_command", "max_header_line", "max_headers", "max_head", "max_body"]
longest = 1500  # small seeds are what makes a fuzzer fast


def fresh(name):
    folder = corpus / name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def transcript_streams(path):
    """The octets of each direction and connection. Lines are `C[tag] +time "text"`, continued by `c[tag] "text"`."""
    escapes = {"n": 10, "r": 13, "t": 9, "\\": 92, '"': 34}

    def octet(match):
        return bytes([escapes[match[1]] if match[1] in escapes else int(match[1], 8)]).decode("latin1")

    streams = {}
    connection = 0
    for line in path.read_text(encoding="latin1").splitlines():
        if line.startswith("!") and re.search(r"CONNECT |ACCEPT|TCP", line):
            connection += 1
        match = re.match(r'^([CcSs])(\S*)\s+(?:\+[\d.]+)?\s*"(.*)"$', line)
        if match:
            text = re.sub(r"\\([0-7]{3}|.)", octet, match[3]).encode("latin1")
            key = (connection, match[2], match[1].upper())
            streams[key] = streams.get(key, b"") + text
    return streams.values()


def parser_seeds():
    folder = fresh("parser")
    for vector in json.loads((tests / "vectors" / "codec.json").read_text()):
        setting = versions[vector["version"]] | profiles[vector.get("profile", "default")] << 2
        limits = b""
        if "limits" in vector:
            setting |= 16
            limits = bytes(min(vector["limits"].get(name, 255), 255) for name in limit_names)
        stream = base64.b64decode(vector["input_b64"])
        (folder / vector["id"]).write_bytes(bytes([setting, 255]) + limits + stream)
    for path in sorted((tests / "transcripts").glob("*/*.txt")):
        found = re.search(r"1\.[012](?=-)", path.stem)
        version = versions[found[0]] if found else 3
        # The longest stream of each file that is not too long: the short ones say what the vectors say.
        streams = [s for s in transcript_streams(path) if len(s) <= longest]
        if streams:
            seed = bytes([version | 1 << 2, 200]) + max(streams, key=len)
            (folder / f"{path.parent.name}-{path.stem}").write_bytes(seed)


def encoder_seeds():
    folder = fresh("encode_round_trip")
    policies = {"automatic": 0, "if_needed": 1, "never": 2}
    for vector in json.loads((tests / "vectors" / "encoder.json").read_text()):
        frame = vector["frame"]
        texts = [frame["command"]] + [text for header in frame["headers"] for text in header]
        seed = bytes([versions[vector["version"]] - 1 | policies[vector.get("content_length", "automatic")] << 2])
        for text in texts:
            octets = text.encode()
            seed += bytes([len(octets)]) + octets
        (folder / vector["id"]).write_bytes(seed + b"\xff" + base64.b64decode(frame["body_b64"]))


parser_seeds()
encoder_seeds()
