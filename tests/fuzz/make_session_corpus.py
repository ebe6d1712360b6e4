#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets `server` and `client` from the vectors, the recorded transcripts and a few programs
written by hand. Run it after the vectors or the operations of a target have changed; the seeds are stored."""
import base64
import json
import pathlib
import re
import shutil

tests = pathlib.Path(__file__).resolve().parent.parent
longest = 1500  # small seeds are what makes a fuzzer fast


def fresh(name):
    folder = tests / "fuzz" / "corpus" / name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def transcript_streams(path, direction):
    """The octets of one direction ("C": from the client) of each connection."""
    escapes = {"n": 10, "r": 13, "t": 9, "\\": 92, '"': 34}

    def octet(match):
        return bytes([escapes[match[1]] if match[1] in escapes else int(match[1], 8)]).decode("latin1")

    streams = {}
    connection = 0
    for line in path.read_text(encoding="latin1").splitlines():
        if line.startswith("!") and re.search(r"CONNECT |ACCEPT|TCP", line):
            connection += 1
        match = re.match(r'^([CcSs])(\S*)\s+(?:\+[\d.]+)?\s*"(.*)"$', line)
        if match and match[1].upper() == direction:
            text = re.sub(r"\\([0-7]{3}|.)", octet, match[3]).encode("latin1")
            key = (connection, match[2])
            streams[key] = streams.get(key, b"") + text
    return streams.values()


# Operations that both targets have.
RECEIVE, INTO_BUFFER, POLL, POLL_ALL, TIME, BACK, CONSUME, CONSUME_ALL, CONSUME_FRAME, PAUSE, RESUME, LOSE = range(12)
# The server's.
ACCEPT, REJECT, FAIL, MESSAGE, RECEIPT_FOR, RECEIPT, MOVE, LOOK = range(12, 20)
SHARED = 140  # added to MESSAGE: the same operation, with its highest bit set
# The client's.
RESTART, MOVE_CLIENT, COMMAND = 12, 13, 14
SEND, SUBSCRIBE, UNSUBSCRIBE, ACK, NACK, BEGIN, COMMIT, ABORT, DISCONNECT, REQUEST, CUSTOM = range(11)


def feed(octets, operation=RECEIVE):
    return bytes([operation]) + len(octets).to_bytes(2, "little") + octets


def replay(octets, piece, poll=bytes([POLL_ALL, CONSUME_ALL])):
    program = b""
    for at in range(0, len(octets), piece):
        program += feed(octets[at:at + piece], RECEIVE if at // piece % 2 == 0 else INTO_BUFFER) + poll
    return program


def command(what, a=0, b=0, flags=0, more=b""):
    return bytes([COMMAND, what, a, b, flags]) + more


def frame(text):
    return text.replace("^@", "\0").encode()


def server_seeds():
    folder = fresh("server")
    for vector in json.loads((tests / "vectors" / "server.json").read_text()):
        stream = base64.b64decode(vector["input_b64"])
        (folder / vector["id"]).write_bytes(bytes([0]) + replay(stream, 4000))
        (folder / (vector["id"] + "-pieces")).write_bytes(bytes([16]) + replay(stream, 40))
    connect = frame("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1000,1000\n\n^@")
    subscribe = frame("SUBSCRIBE\nid:1\ndestination:/q\nack:client\nreceipt:r\n\n^@")
    individual = frame("SUBSCRIBE\nid:2\ndestination:/q\nack:client-individual\n\n^@")
    messages = bytes([MESSAGE, 0, 1, 0, MESSAGE, 1, 200, 5, MESSAGE, 0, 3, 3, MESSAGE + SHARED, 1, 9, 1])
    settle = frame("BEGIN\ntransaction:t\n\n^@ACK\nid:s-1-1\ntransaction:t\n\n^@NACK\nid:s-2-2\nreceipt:n\n\n^@"
                   "SEND\ndestination:/q\ntransaction:t\n\nx^@")
    open_up = feed(connect + subscribe + individual) + bytes([POLL_ALL])
    programs = {
        "commit": open_up + messages + feed(settle + frame("COMMIT\ntransaction:t\nreceipt:c\n\n^@")) + bytes([POLL_ALL, CONSUME_FRAME, CONSUME_ALL]),
        "abort-after-unsubscribe": open_up + messages + feed(settle + frame("UNSUBSCRIBE\nid:1\n\n^@ABORT\ntransaction:t\n\n^@")) + bytes([POLL_ALL, CONSUME_ALL]),
        "beats": open_up + bytes([CONSUME_ALL]) + bytes([TIME, 20, CONSUME_ALL, TIME, 20, PAUSE, TIME, 200, RESUME, BACK, TIME, 60, TIME, 60]),
        "fail": open_up + messages + bytes([FAIL, 0, CONSUME, 30, CONSUME_ALL, TIME, 200]),
        "late-accept": bytes([]) + feed(connect + subscribe) + bytes([POLL, POLL, ACCEPT, 0, POLL_ALL, CONSUME_ALL]),
        "reject": feed(connect) + bytes([POLL, REJECT, 6, POLL_ALL, CONSUME_ALL]),
        "goodbye": open_up + feed(frame("DISCONNECT\nreceipt:bye\n\n^@SEND\ndestination:/q\n\n^@")) + bytes([POLL_ALL, RECEIPT_FOR, CONSUME_ALL, TIME, 250]),
        "old": feed(frame("CONNECT\n\n^@SUBSCRIBE\ndestination:/q\nack:client\n\n^@")) + bytes([POLL_ALL]) + messages + feed(frame("ACK\nmessage-id:s-1-2\n\n^@UNSUBSCRIBE\ndestination:/q\n\n^@")) + bytes([POLL_ALL, CONSUME_ALL]),
        "eleven": feed(frame("CONNECT\naccept-version:1.1\nhost:h\n\n^@SUBSCRIBE\nid:1\ndestination:/q\nack:client\n\n^@")) + bytes([POLL_ALL]) + messages + feed(frame("ACK\nmessage-id:s-1-1\nsubscription:1\n\n^@")) + bytes([MOVE, POLL_ALL, CONSUME_ALL]),
    }
    for name, program in programs.items():
        for setting in (0, 1, 16, 128):
            (folder / f"{name}-{setting}").write_bytes(bytes([setting]) + program)
    recorded(folder, b"\0", "C")


def client_seeds():
    folder = fresh("client")
    for vector in json.loads((tests / "vectors" / "client.json").read_text()):
        stream = base64.b64decode(vector["input_b64"])
        (folder / vector["id"]).write_bytes(bytes([0]) + replay(stream, 4000))
        (folder / (vector["id"] + "-pieces")).write_bytes(bytes([1]) + command(SUBSCRIBE, 0, 3) + replay(stream, 40))
    connected = feed(frame("CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n^@")) + bytes([POLL_ALL])
    open_up = command(SUBSCRIBE, 0, 3, 1 | 2) + bytes([CONSUME_ALL]) + connected
    message = feed(frame("MESSAGE\nsubscription:a\nmessage-id:1\nack:1\ndestination:/q\n\nx^@")) + bytes([POLL])
    talk = message + command(BEGIN, 1) + command(ACK, 0, 0, 4, b"\1") + command(SEND, 3, 0, 0x43 | 4, b"\1") + command(COMMIT, 1, 0, 3)
    programs = {
        "talk": open_up + talk + bytes([CONSUME_ALL]) + feed(frame("RECEIPT\nreceipt-id:r1\n\n^@RECEIPT\nreceipt-id:r2\n\n^@")) + bytes([POLL_ALL]),
        "goodbye": open_up + command(DISCONNECT) + bytes([CONSUME_ALL]) + feed(frame("RECEIPT\nreceipt-id:r2\n\n^@")) + bytes([POLL_ALL]),
        "error": open_up + talk + feed(frame("ERROR\nreceipt-id:r1\nmessage:no\n\nbody^@")) + bytes([POLL_ALL, RESTART, CONSUME_ALL]) + connected + bytes([CONSUME_FRAME]),
        "restart": open_up + talk + bytes([RESTART, POLL, RESTART, POLL_ALL, CONSUME_ALL]) + connected + command(ACK) + message + command(NACK) + bytes([CONSUME_ALL]),
        "request": open_up + command(REQUEST, 3, 0, 0x10) + bytes([CONSUME_ALL]) + feed(frame("MESSAGE\nsubscription:/temp-queue/replies\nmessage-id:1\ndestination:/r\ncorrelation-id:q1\n\nx^@")) + bytes([POLL_ALL]),
        "times": open_up + talk + bytes([TIME, 20, CONSUME_ALL, TIME, 60, PAUSE, TIME, 200, RESUME, BACK, TIME, 100, POLL_ALL]),
        "kept": command(SEND, 3, 0, 3) + command(SEND, 3, 0, 0x83) + bytes([LOSE, POLL_ALL, RESTART, CONSUME_ALL]) + connected + bytes([CONSUME_ALL, MOVE_CLIENT]),
    }
    for name, program in programs.items():
        for setting in (0, 2 | 8, 4 | 16, 1 | 128):
            (folder / f"{name}-{setting}").write_bytes(bytes([setting]) + program)
    recorded(folder, b"\0", "S")


def recorded(folder, setting, direction):
    for path in sorted((tests / "transcripts").glob("*/*.txt")):
        # The longest stream of each file that is not too long: the short ones say what the vectors say.
        streams = [s for s in transcript_streams(path, direction) if len(s) <= longest and b"websocket" not in s]
        if streams:
            (folder / f"{path.parent.name}-{path.stem}").write_bytes(setting + replay(max(streams, key=len), 400))


server_seeds()
client_seeds()
