"""Real parts for tests: a PostgreSQL and a Kafka per test run, on random ports, stopped at its end.

`DATABASE_URL` and `KAFKA_BOOTSTRAP` name parts that run already; else PostgreSQL comes from the system's binaries
(as an unprivileged user: `initdb` refuses root) and Kafka from Maven's jars, run by Java 17 or newer as one KRaft node.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.testing.process import free_port

REQUIRED_VARIABLE = "FOLLOWUP_REQUIRE_CONNECTED"
"""Set where a missing part is a failure and not a reason to skip."""
_POM = Path(__file__).with_name("kafka-pom.xml")
CACHE = Path(os.environ.get("XDGCACHE_HOME", "~/.cache")).expanduser() / "followup"
POSTGRESQL_FOLDER = Path("/usr/lib/postgresql")
_POSTGRESQL_USER = "postgres"
_QUIET_JAVA = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)
_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0
_MAVEN_SECONDS = 300.0
_LOOK_SECONDS = 0.05


class PartMissing(Exception):
    """A real part is not available on this machine; the message says what to install or set."""


@dataclass(slots=True)
class Server:
    """A real part, running somewhere."""

    address: str
    """PostgreSQL: the `postgresql://` URL of an owner who may create roles; Kafka: `host:port`."""
    command: Sequence[str] = ()
    """The command that starts it; empty if it runs already, and then `start` and `stop` do nothing."""
    ready: str = ""
    """The line of its log once it accepts connections."""
    log: Path = Path(os.devnull)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it on its port and wait until it takes connections.

        Raises:
            RuntimeError: it ended or took too long; the message holds the end of its log.
        """
        if not self.command:
            return
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - a command line of our own
                [*_dying_with_us("KILL"), *self.command],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd="/",
            )
        deadline = time.monotonic() + _READY_SECONDS
        while self.ready not in (said := self.log.read_text(encoding="utf-8", errors="replace")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.command[0]} is not ready: {said[-2000:]}")
            time.sleep(_LOOK_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, politely or not, and wait until it has; PostgreSQL crashes on SIGQUIT, Kafka on SIGKILL."""
        if self.process is not None:
            self.process.send_signal(how)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


@contextmanager
def postgresql(*, fsync: bool = False) -> Iterator[Server]:
    """Run a PostgreSQL server while the block does.

    Args:
        fsync: whether commits reach the disk; off, a crash of the machine (not of the server) may lose them.

    Raises:
        PartMissing: neither `DATABASE_URL` nor the server's binaries are there.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        yield Server(given.replace("postgresql+asyncpg://", "postgresql://"))
        return
    binaries = sorted(POSTGRESQL_FOLDER.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not binaries:
        raise PartMissing("PostgreSQL: set DATABASE_URL, or install the Debian package postgresql")
    folder = binaries[-1].parent
    with _folder("followup-postgresql-") as home:
        as_user = _as_user(home)
        data = home / "data"
        _run([*as_user, str(folder / "initdb"), "-D", str(data), "-U", "followup", "-A", "trust", "-E", "UTF8", "-N"])
        port = free_port()
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on" if fsync else "off",
            "max_connections": "200",
            "shared_buffers": "128MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = Server(
            f"postgresql://followup@127.0.0.1:{port}/postgres",
            [*as_user, str(folder / "postgres"), "-D", str(data), *options],
            "ready to accept connections",
            home / "server.log",
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def kafka() -> Iterator[Server]:
    """Run a Kafka broker while the block does.

    Raises:
        PartMissing: neither `KAFKA_BOOTSTRAP` nor Java and Maven are there, or Maven cannot fetch the jars.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        yield Server(given)
        return
    java = shutil.which("java")
    if java is None:
        raise PartMissing("Kafka: set KAFKA_BOOTSTRAP, or install Java 17 or newer and Maven")
    jars = _jars()
    with _folder("followup-kafka-") as home:
        port, controller = free_port(), free_port()
        configuration = home / "server.properties"
        configuration.write_text(
            "\n".join(f"{name}={value}" for name, value in _broker(home, port, controller).items()), encoding="ascii"
        )
        java_line = [java, "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *_QUIET_JAVA, "-cp", f"{jars}/*"]
        cluster = uuid.uuid4().hex[:22]
        _run([*java_line, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(configuration)])
        broker = Server(
            f"127.0.0.1:{port}",
            [*java_line, "kafka.Kafka", str(configuration)],
            "Kafka Server started",
            home / "broker.log",
        )
        try:
            broker.start()
            yield broker
        finally:
            broker.stop(signal.SIGKILL)


def _broker(home: Path, port: int, controller: int) -> Mapping[str, str]:
    """Return the settings of a single node that is broker and controller."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(home / "log"),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "auto.create.topics.enable": "false",
    }


def _jars() -> Path:
    """Return the folder of the broker's jars, filled once for each version of the list."""
    wanted = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"kafka-{wanted}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise PartMissing("Kafka: set KAFKA_BOOTSTRAP, or install Maven, which fetches the broker")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
        jars = Path(unfinished) / "jars"
        try:
            _run([maven, "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"])
        except (RuntimeError, subprocess.TimeoutExpired) as problem:
            raise PartMissing(f"Kafka: Maven could not fetch the broker: {problem}") from None
        with contextlib.suppress(OSError):  # another process of the same test run was quicker
            jars.rename(folder)
    return folder


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    """Return a temporary folder that every user may pass through, and remove it afterwards."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _as_user(home: Path) -> list[str]:
    """Return the prefix that runs a command as an unprivileged user who owns `home`; empty if this user is one."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam(_POSTGRESQL_USER)
    except KeyError:
        raise PartMissing(f"PostgreSQL: it refuses to run as root, and there is no user {_POSTGRESQL_USER}") from None
    os.chown(home, user.pw_uid, user.pw_gid)
    if not (line := _dying_with_us("INT")):
        raise PartMissing("PostgreSQL: it refuses to run as root, and setpriv (util-linux) is not installed")
    return [*line, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _dying_with_us(how: str) -> list[str]:
    """Return what makes the kernel signal a command when this process dies, where util-linux offers it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", how] if setpriv else []


def _run(command: list[str]) -> None:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; the message holds the end of its output.
    """
    done = subprocess.run(  # noqa: S603 - a command line of our own
        command, capture_output=True, check=False, timeout=_MAVEN_SECONDS, cwd="/"
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-1000:]
        raise RuntimeError(f"{Path(command[0]).name} failed: {said}")
