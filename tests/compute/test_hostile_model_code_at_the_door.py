"""What model code can do with the door it is given: reach the server's HTTP, and nothing else."""

import http.client
import json
import time
from typing import Any

import psutil
import pytest

from modelyard.replica import door
from tests.compute.execution_yard import ACCOUNT, ASK, BOTO3, Yard

OTHERS_SECONDS_MAX = 30.0  # for others' calls during a flood, on a busy machine

SOCKETS = """
import errno, os, socket, struct
def attempt(function):
    try:
        return str(function())
    except OSError as error:
        return "refused: " + str(error)
def connect(host, port, family=socket.AF_INET):
    with socket.socket(family) as one:
        one.settimeout(10)
        one.connect((host, port))
        return "connected"
def control():
    # The channel to the server's door is among our own descriptors.
    for name in os.listdir("/proc/self/fd"):
        try:
            found = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        if found.type == socket.SOCK_SEQPACKET:
            return found
"""


@pytest.fixture(scope="module")
def hostile(yard: Yard) -> str:
    yard.deploy("hostile", yard.role("hostile"))
    return "hostile"


@pytest.fixture(scope="module")
def neighbour(yard: Yard) -> str:
    yard.deploy("neighbour", yard.role("neighbour"))
    return "neighbour"


def who(yard: Yard, endpoint: str) -> str:
    return str(yard.run(endpoint, BOTO3 + "answer = client('sts').get_caller_identity()['Arn']"))


def session_of(role: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/SageMaker"


def test_model_code_reaches_nothing_but_its_door(yard: Yard, hostile: str, neighbour: str) -> None:
    theirs = yard.run(neighbour, "import os; answer = dict(os.environ)")
    urls = (theirs["AWS_ENDPOINT_URL"], theirs["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    ports = [yard.server.port, yard.server.port + 1, 22, 80]
    ports += [int(url.rpartition(":")[2].partition("/")[0]) for url in urls]

    found = yard.run(
        hostile,
        SOCKETS
        + f"""
own = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
tries = {{
    **{{f"port {{port}}": lambda port=port: connect("127.0.0.1", port) for port in {ports}}},
    "another host": lambda: connect("192.0.2.1", own),
    "metadata": lambda: connect("169.254.169.254", 80),
    "datagrams": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "sequenced": lambda: socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET),
    "multipath": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262),
    "sctp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132),
    "ipv6": lambda: socket.socket(socket.AF_INET6),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "vsock": lambda: socket.socket(socket.AF_VSOCK),
}}
answer = {{name: attempt(function) for name, function in tries.items()}}
answer["own door"] = "refused: no" if connect("127.0.0.1", own) == "connected" else "none"
""",
    )

    assert {name: how for name, how in found.items() if not how.startswith("refused")} == {}


def test_the_token_of_one_replica_opens_nothing_at_another(
    yard: Yard, hostile: str, neighbour: str
) -> None:
    stolen = yard.run(neighbour, ASK + "answer = token")

    status, document = yard.run(hostile, ASK + f"answer = ask(Authorization={stolen!r})")

    assert status == 403
    assert "SecretAccessKey" not in document
    own = yard.run(hostile, ASK + "answer = ask(Authorization=token)")
    assert own[1]["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/hostile"


def test_the_pages_where_people_sign_in_are_not_behind_the_door(yard: Yard, hostile: str) -> None:
    outside = http.client.HTTPConnection("127.0.0.1", yard.server.port, timeout=60)
    outside.request("GET", "/sign-in")
    assert outside.getresponse().status < 400
    outside.close()

    inside = yard.run(
        hostile,
        """
import http.client, os
connection = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
found = []
for method in ("GET", "POST"):
    connection.request(method, "/sign-in", body=b"")
    response = connection.getresponse()
    response.read()
    found.append(response.status)
answer = found
""",
    )

    assert inside == [403, 403]


def test_connections_that_are_left_open_harm_nobody_else(
    yard: Yard, hostile: str, neighbour: str
) -> None:
    process = psutil.Process(yard.server.pid)
    assert who(yard, neighbour) == session_of("neighbour")
    before = process.num_fds()

    opened = yard.run(
        hostile,
        SOCKETS
        + """
own = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
kept = model["kept"] = []
for number in range(300):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", own))
    kept.append(one)
for one in kept:
    try:
        one.send(b"GET /half HTTP/1.1\\r\\nHost: ")
    except OSError:
        pass
answer = len(kept)
""",
    )

    assert opened == 300
    began = time.monotonic()
    assert who(yard, neighbour) == session_of("neighbour")
    yard.s3.list_buckets()
    assert time.monotonic() - began < OTHERS_SECONDS_MAX
    assert process.num_fds() - before < door.CONNECTIONS_MAX + 32
    yard.run(hostile, "for one in model.pop('kept'): one.close()\nanswer = 1")
    assert who(yard, hostile) == session_of("hostile")


def test_a_flood_of_questions_makes_only_its_sender_wait(yard: Yard, neighbour: str) -> None:
    yard.deploy("flooding", yard.role("flooding"))
    process = psutil.Process(yard.server.pid)
    who(yard, neighbour)
    before = process.num_fds()

    yard.run(
        "flooding",
        SOCKETS
        + """
import threading
channel = control()
def flood():
    for number in range(1_000_000, 2_000_000):
        try:
            channel.send(b"%s %d" % ((b"connect", b"credentials")[number % 2], number))
        except OSError:
            return
threading.Thread(target=flood, daemon=True).start()
answer = channel is not None
""",
    )

    began = time.monotonic()
    for _ in range(5):
        assert who(yard, neighbour) == session_of("neighbour")
        yard.s3.list_buckets()
    assert time.monotonic() - began < OTHERS_SECONDS_MAX
    assert process.num_fds() - before < 2 * door.CONNECTIONS_MAX + 32
    yard.sagemaker.delete_endpoint(EndpointName="flooding")
    _gone(yard, "flooding")
    assert who(yard, neighbour) == session_of("neighbour")


GARBAGE = {
    "bytes": b"\x00\xff" * 20,
    "no-number": b"connect",
    "negative": b"connect -1",
    "unknown": b"sing 1",
    "long": b"connect " + b"1" * 4000,
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_on_the_channel_ends_the_door_of_its_sender_alone(
    yard: Yard, neighbour: str, kind: str
) -> None:
    name, garbage = f"garbage-{kind}", GARBAGE[kind]
    yard.deploy(name, yard.role(name))
    assert who(yard, name) == session_of(name)

    closed = yard.run(
        name,
        SOCKETS
        + f"""
import select
channel = control()
channel.send({garbage!r})
own = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
import time
until = time.monotonic() + 60
while (answer := attempt(lambda: connect("127.0.0.1", own))) == "connected":
    assert time.monotonic() < until
    time.sleep(0.02)
""",
    )

    assert closed.startswith("refused")
    assert yard.run(name, "answer = 7") == 7  # the replica itself goes on
    assert who(yard, neighbour) == session_of("neighbour")
    yard.sagemaker.delete_endpoint(EndpointName=name)


def test_a_door_closes_with_its_replica(yard: Yard) -> None:
    process = psutil.Process(yard.server.pid)
    yard.deploy("leaving", yard.role("leaving"))
    yard.run(
        "leaving",
        BOTO3 + "kept = model['kept'] = client('sts')\nanswer = kept.get_caller_identity()['Arn']",
    )
    streams = len(process.net_connections(kind="unix"))

    yard.sagemaker.delete_endpoint(EndpointName="leaving")
    _gone(yard, "leaving")

    until = time.monotonic() + OTHERS_SECONDS_MAX
    # Frames, the channel, and the connection of the client that the model's code keeps.
    while len(process.net_connections(kind="unix")) > streams - 3:
        assert time.monotonic() < until
        time.sleep(0.05)


def _gone(yard: Yard, endpoint: str) -> None:
    until = time.monotonic() + OTHERS_SECONDS_MAX
    while True:
        listed: list[Any] = yard.sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"]
        if not listed:
            return
        assert time.monotonic() < until, json.dumps(listed, default=str)
        time.sleep(0.05)
