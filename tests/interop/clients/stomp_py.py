"""stomp.py against a STOMP server: stomp_py.py HOST PORT VERSION LOGIN PASSCODE VHOST; ends with 1 at the first mismatch."""
import os
import queue
import sys
import time

import stomp

host, port, version, login, passcode, vhost = sys.argv[1:]
WAIT = 5.0


def check(condition, text):
    if not condition:
        print(text, file=sys.stderr)
        os._exit(1)  # the library's threads must not keep us


class Inbox(stomp.ConnectionListener):
    def __init__(self):
        self.messages, self.receipts, self.beats, self.connected, self.disconnected = queue.Queue(), queue.Queue(), 0, None, False

    def on_connected(self, frame):
        self.connected = frame

    def on_message(self, frame):
        if frame.headers.get("redelivered") != "true":  # a broker may repeat the message refused below
            self.messages.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_error(self, frame):
        check(False, f"ERROR {frame.headers} {frame.body!r}")

    def on_heartbeat(self):
        self.beats += 1

    def on_heartbeat_timeout(self):
        check(False, "stomp.py saw no heart-beat in time")

    def on_disconnected(self):
        self.disconnected = True


inbox = Inbox()


def message(body, subscription, **headers):
    """The next message, which must be exactly this one."""
    try:
        frame = inbox.messages.get(timeout=WAIT)
    except queue.Empty:
        check(False, f"no message {body!r} within {WAIT} s")
    check(frame.body == body, f"body {frame.body!r} instead of {body!r}")
    check(frame.headers.get("subscription") == subscription, f"subscription in {frame.headers}")
    for name, value in headers.items():
        check(frame.headers.get(name) == value, f"header {name} is {frame.headers.get(name)!r} instead of {value!r}")
    return frame


def receipt(expected):
    try:
        got = inbox.receipts.get(timeout=WAIT)
    except queue.Empty:
        check(False, f"no receipt {expected} within {WAIT} s")
    check(got == expected, f"receipt {got} instead of {expected}")


def silence(why):
    time.sleep(0.3)
    check(inbox.messages.empty(), f"a message arrived {why}")


kinds = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}
options = {"auto_decode": False}
if version != "1.0":  # the library has no heart-beats and no virtual host in 1.0
    options.update(heartbeats=(1000, 1000), vhost=vhost)
connection = kinds[version]([(host, int(port))], **options)
connection.set_listener("inbox", inbox)
connection.connect(login, passcode, wait=True)
check(inbox.connected.headers.get("version", "1.0") == version, f"CONNECTED {inbox.connected.headers}")

queue_name = f"/queue/stomp-py-{version}-{os.getpid()}"


def acknowledge(frame, method="ack", **extra):
    if version == "1.0":
        connection.ack(frame.headers["message-id"], **extra)
    elif version == "1.1":
        getattr(connection, method)(frame.headers["message-id"], frame.headers["subscription"], **extra)
    else:
        getattr(connection, method)(frame.headers["ack"], **extra)


# text, with what the version can carry in a value; stomp.py escapes values, not names, and nothing in 1.0
value = {"1.0": "a:b c", "1.1": "a:b\nc\\d", "1.2": "a:b\nc\\d\re"}[version]
destination = queue_name + "-auto"
connection.subscribe(destination, id="s1", headers={"receipt": "r-sub"})
receipt("r-sub")
connection.send(destination, "hello, world".encode(), content_type="text/plain", headers={"receipt": "r1", "key": value})
message(b"hello, world", "s1", key=value, destination=destination, **{"content-type": "text/plain"})
receipt("r1")
text = "zażółć – 日本 😀"
connection.send(destination, text.encode(), headers={"receipt": "r2", "word": text})
message(text.encode(), "s1", word=text)
receipt("r2")
for body in (b"\0first", b"in\0side\0\n\0", b"last\0", bytes(range(256)) * 300):
    connection.send(destination, body)
    message(body, "s1")
connection.send(destination, b"")
message(b"", "s1")
connection.unsubscribe(id="s1", headers={"receipt": "r-unsub"})
receipt("r-unsub")

# acknowledgements: cumulative, one by one, and refused
destination = queue_name + "-client"
connection.subscribe(destination, id="s2", ack="client", headers={"receipt": "r-sub2"})
receipt("r-sub2")
for n in range(3):
    connection.send(destination, b"m%d" % n)
frames = [message(b"m%d" % n, "s2") for n in range(3)]
acknowledge(frames[1], receipt="r-ack")
receipt("r-ack")
acknowledge(frames[2], receipt="r-ack2")
receipt("r-ack2")
connection.unsubscribe(id="s2")
destination = queue_name + "-individual"
connection.subscribe(destination, id="s3", ack="client-individual", headers={"receipt": "r-sub3"})
receipt("r-sub3")
for n in range(2):
    connection.send(destination, b"i%d" % n)
frames = [message(b"i%d" % n, "s3") for n in range(2)]
acknowledge(frames[1], receipt="r-ack3")
receipt("r-ack3")
acknowledge(frames[0], "ack" if version == "1.0" else "nack", receipt="r-ack4")
receipt("r-ack4")

# transactions: nothing before COMMIT, nothing ever after ABORT
destination = queue_name + "-tx"
connection.subscribe(destination, id="s4", ack="client", headers={"receipt": "r-sub4"})
receipt("r-sub4")
connection.begin("t1", receipt="r-begin")
receipt("r-begin")
connection.send(destination, b"in t1", transaction="t1")
silence("before COMMIT")
connection.commit("t1", receipt="r-commit")
frame = message(b"in t1", "s4")
receipt("r-commit")
connection.begin("t2")
connection.send(destination, b"in t2", transaction="t2")
acknowledge(frame, transaction="t2")
connection.abort("t2", receipt="r-abort")
receipt("r-abort")
silence("after ABORT")
acknowledge(frame, receipt="r-ack5")  # ABORT took the first one back
receipt("r-ack5")

if version != "1.0":  # idle for longer than either side tolerates silence
    beats = inbox.beats
    time.sleep(4.5)
    check(inbox.beats - beats >= 2, f"{inbox.beats - beats} heart-beats in 4.5 s")
    check(connection.is_connected(), "connection lost while idle")

connection.disconnect(receipt="r-bye")
receipt("r-bye")
end = time.monotonic() + WAIT
while not inbox.disconnected:
    check(time.monotonic() < end, "the receipt of DISCONNECT did not end the connection")
    time.sleep(0.01)
os._exit(0)
