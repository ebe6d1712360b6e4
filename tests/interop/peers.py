#!/usr/bin/env python3
"""Brokers to talk to, started on loopback at free ports and stopped by the pid that started them.

    peers.py rabbitmq            starts a RabbitMQ that leaves nothing behind, prints how to reach it, stops on Ctrl-C
    peers.py activemq -- cmd     runs cmd with STOMP_HOST, STOMP_PORT, STOMP_LOGIN, STOMP_PASSCODE and STOMP_VHOST set

Standard library only. The `run` script beside this file uses the classes below.
"""
import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"


class Unavailable(Exception):
    """The peer cannot run on this machine; the text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def start(command, log, **options):
    """A child in a session of its own (so that its own children end with it), killed with us even if we are."""
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    return subprocess.Popen(guard + [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log,
                            stderr=subprocess.STDOUT, start_new_session=True, **options)


def stop(process, seconds=15):
    """Asks the process to end, then makes it and whatever it has left behind in its session."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    end = time.monotonic() + seconds
    # WNOWAIT: its pid, which is also its group's, cannot be given to anyone else before we have used it for the last time.
    while time.monotonic() < end and os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def quiet(command, seconds=300, **options):
    """Runs a command without input; its status and its output. With it ends whatever it has started."""
    with tempfile.TemporaryFile() as output:
        try:
            child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT, start_new_session=True, **options)
        except FileNotFoundError:
            return 127, f"{command[0]}: not found"
        late = ""
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            status, late = 124, f"\nnot done after {seconds} s"
        finally:
            stop(child)
        output.seek(0)
        return status, output.read().decode(errors="replace") + late


@contextlib.contextmanager
def no_services(as_root):
    """While packages are installed none of their services is started: they would listen on every interface."""
    guard = Path("/usr/sbin/policy-rc.d")
    if guard.exists():
        yield
        return
    quiet(as_root + ["sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' > {guard} && chmod 755 {guard}"])
    try:
        yield
    finally:
        quiet(as_root + ["rm", "-f", guard])


def install(wanted):
    """Installs packages with apt; those that cannot be are found missing again, and skipped, by who needs them."""
    if not wanted:
        return
    if not shutil.which("apt-get"):
        print(f"not installed, and there is no apt-get: {' '.join(wanted)}", flush=True)
        return
    print(f"installing {' '.join(wanted)}", flush=True)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"]
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    apt_install = as_root + ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--no-upgrade"]
    with no_services(as_root):
        quiet(as_root + ["apt-get", "update", "-qq"])
        if quiet(apt_install + wanted, 900)[0] != 0:
            for package in wanted:  # one that is missing must not keep the others away
                status, text = quiet(apt_install + [package], 900)
                if status != 0:
                    print(f"cannot install {package}: {' '.join(text.split())[-200:]}", flush=True)


def talk(port, request, until, seconds=2.0):
    """Sends `request` and reads until `until` has been seen; empty when the peer does not answer."""
    answer = b""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=seconds) as peer:
            peer.settimeout(seconds)
            peer.sendall(request)
            while until not in answer:
                data = peer.recv(4096)
                if not data:
                    break
                answer += data
    except OSError:
        pass
    return answer


class Broker:
    """A context manager; after entering, the addresses below are filled in and a CONNECT has been answered."""
    name = ""
    login = passcode = vhost = ""
    start_seconds = 60

    def __init__(self):
        self.ports = {}  # scheme -> port
        self.process = None
        self.directory = None
        self.log = None

    def __enter__(self):
        for attempt in (1, 2):  # a port that was free may have been taken by the time the broker binds it
            self.directory = Path(tempfile.mkdtemp(prefix=f"stomp-{self.name}-"))
            self.log = open(self.directory / "log", "wb")
            try:
                self.launch()
                self.wait_until_ready()
                return self
            except RuntimeError:
                self.close()
                if attempt == 2:
                    raise
            except BaseException:
                self.close()
                raise

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop_processes()
        if self.log:
            self.log.close()
            self.log = None
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def stop_processes(self):
        stop(self.process)
        self.process = None

    def wait_until_ready(self):
        """Ready is what a client would call ready: a CONNECT is answered with CONNECTED."""
        request = (f"CONNECT\naccept-version:1.2\nhost:{self.vhost}\nlogin:{self.login}\npasscode:{self.passcode}\n\n\0"
                   ).encode()
        end = time.monotonic() + self.start_seconds
        for port in self.ports.values():
            answer = b""
            while not answer.startswith(b"CONNECTED\n"):
                if self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.log_tail()}")
                if time.monotonic() > end:
                    raise RuntimeError(f"{self.name} not ready after {self.start_seconds} s: {answer!r} {self.log_tail()}")
                answer = talk(port, request, b"\0")
                if not answer:
                    time.sleep(0.1)

    def log_tail(self):
        self.log.flush()
        text = (self.directory / "log").read_text(errors="replace").strip()
        return " | ".join(text.splitlines()[-5:])[-600:]


class RabbitMq(Broker):
    name = "rabbitmq"
    login = passcode = "guest"
    vhost = "/"
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

    def __init__(self):
        super().__init__()
        self.epmd = None

    def launch(self):
        if not self.script.exists() or not shutil.which("epmd"):
            raise Unavailable("rabbitmq-server is not installed")
        d = self.directory
        for folder in ("mnesia", "log.d", "home"):
            (d / folder).mkdir()
        port, epmd_port = free_port(), free_port()
        (d / "rabbitmq.conf").write_text(
            "listeners.tcp = none\n"  # AMQP is not needed
            f"stomp.listeners.tcp.1 = {LOOPBACK}:{port}\n"
            "log.console = true\n"
            "log.console.level = warning\n"
            "log.file = false\n")
        (d / "enabled_plugins").write_text("[rabbitmq_stomp].\n")
        (d / "rabbitmq-env.conf").write_text("")
        environment = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(d / "home"),
            "RABBITMQ_NODENAME": f"interop-{os.getpid()}@localhost",
            "RABBITMQ_CONFIG_FILE": str(d / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(d / "rabbitmq-env.conf"),
            "RABBITMQ_MNESIA_BASE": str(d / "mnesia"),
            "RABBITMQ_LOG_BASE": str(d / "log.d"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(d / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(d / "generated"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_ALLOW_INPUT": "1",  # exec the virtual machine: the pid we hold is the one to end
            "ERL_EPMD_ADDRESS": LOOPBACK, "ERL_EPMD_PORT": str(epmd_port),
            # no busy waiting: this machine has other things to do
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-noinput -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        # Started here and in the foreground, as the broker would leave a daemon behind that nobody stops.
        self.epmd = start(["epmd", "-address", LOOPBACK, "-port", epmd_port], self.log, env=environment, cwd=d)
        self.ports = {"stomp": port}
        self.process = start([self.script], self.log, env=environment, cwd=d)

    def stop_processes(self):
        super().stop_processes()
        stop(self.epmd)
        self.epmd = None


class ActiveMq(Broker):
    name = "activemq"
    login = passcode = "admin"
    vhost = "localhost"
    jars = Path("/usr/share/activemq/lib")

    @classmethod
    def compiler(cls):
        """javac from the path, or from whichever JDK Debian has put below /usr/lib/jvm."""
        found = shutil.which("javac")
        return found or next(iter(sorted(glob.glob("/usr/lib/jvm/*/bin/javac"))), None)

    def launch(self):
        javac = self.compiler()
        if not (self.jars / "activemq-stomp.jar").exists():
            raise Unavailable("activemq is not installed")
        if javac is None:
            raise Unavailable("no JDK: javac not found")
        slf4j = [Path("/usr/share/java/slf4j-api.jar"), Path("/usr/share/java/slf4j-simple.jar")]
        classpath = os.pathsep.join(str(p) for p in sorted(self.jars.glob("*.jar")) + slf4j if p.exists())
        done = subprocess.run([javac, "-cp", classpath, "-d", self.directory, HERE / "ActiveMqBroker.java"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Unavailable(f"javac: {' '.join(done.stderr.split())[:300]}")
        java = Path(javac).parent / "java"
        self.process = start(
            [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
             "-cp", f"{self.directory}{os.pathsep}{classpath}", "ActiveMqBroker",
             f"stomp://{LOOPBACK}:0", f"stomp+nio://{LOOPBACK}:0"], self.log, cwd=self.directory)
        self.ports = self.wait_for_ports()

    def wait_for_ports(self):
        """The broker prints which ports the system gave it."""
        end = time.monotonic() + self.start_seconds
        while time.monotonic() < end:
            lines = (self.directory / "log").read_text(errors="replace").splitlines()
            ports = {w[1]: int(w[2]) for w in (line.split() for line in lines) if len(w) == 3 and w[0] == "PORT"}
            if len(ports) == 2:
                return ports
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} printed no ports: {self.log_tail()}")


BROKERS = {broker.name: broker for broker in (RabbitMq, ActiveMq)}


def end_on_signals():
    """A signal ends the program through its `finally` blocks, so that nothing is left running."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))


def main():
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in BROKERS or (len(arguments) > 1 and arguments[1] != "--"):
        sys.exit(__doc__)
    end_on_signals()
    try:
        with BROKERS[arguments[0]]() as broker:
            port = broker.ports["stomp"]
            if len(arguments) > 2:
                environment = dict(os.environ, STOMP_HOST=LOOPBACK, STOMP_PORT=str(port), STOMP_LOGIN=broker.login,
                                   STOMP_PASSCODE=broker.passcode, STOMP_VHOST=broker.vhost)
                sys.exit(subprocess.run(arguments[2:], env=environment, stdin=subprocess.DEVNULL).returncode)
            print(f"{broker.name}: host {LOOPBACK}, ports {broker.ports}, login {broker.login}, "
                  f"passcode {broker.passcode}, virtual host {broker.vhost}; Ctrl-C stops it", flush=True)
            broker.process.wait()
            sys.exit(f"{broker.name} ended by itself")
    except Unavailable as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
