"""What a replica is told on its standard input: one JSON object on one line."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Paths are absolute; the folders `model`, `code` and `work` are there. See confine.py."""

    image: str
    archive: str  # empty: nothing to unpack
    model: str  # the folder that receives the archive's files
    code_archive: str = ""  # a second archive with the script, for SAGEMAKER_SUBMIT_DIRECTORY
    code: str = ""  # the folder that receives it; empty: the model's own folder code/
    work: str  # the only folder that model code may write to
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_bytes: int = 2 << 30
    threads: int = 1
    readable: tuple[str, ...] = ()
    unpacked: bool = (
        False  # the model folder is ready; a second start, in an environment of its own
    )
    uid: int = 0  # 0: stay who we are
    gid: int = 0  # 0: as uid
    reads_all: bool = False  # that user passes closed folders (the interpreter lies in one)
    requirements: str = ""  # to install, word by word; empty: the file in the folder `model`
    network: bool = False
    door: bool = False  # let model code reach the server's door, if it has a network of its own
    unconfined_code: bool = False  # run the model's code even where its files cannot be confined

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> "Spec":
        members = json.loads(line)
        members["readable"] = tuple(members["readable"])
        return cls(**members)
