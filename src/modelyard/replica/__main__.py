"""The replica's process: confine itself, unpack, load, say ready, answer until the server is gone.

Run by path (`python -I .../replica/__main__.py CONNECTION STATUS CONTROL`) or as a module; the
numbers are inherited descriptors: the socket of frames, the pipe for the one status line, and the
channel to the server's door, if there is one (door.py). The specification is the first line of
standard input, which then stays open: its end means that the server has died.
"""

import sys
import types
from pathlib import Path

if not __package__:
    # By path, so that another interpreter can run this without modelyard in its environment. Only
    # the empty parent package is made up; nothing else of modelyard becomes importable by accident.
    parent = types.ModuleType("modelyard")
    parent.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules.setdefault("modelyard", parent)
    __package__ = "modelyard.replica"

from modelyard.replica import confine, environments, process
from modelyard.replica.spec import Spec

if __name__ == "__main__":
    if sys.argv[1:] == ["probe"]:
        confine.main()
    elif sys.argv[1:] == ["environment"]:
        wanted = Spec.parse(sys.stdin.buffer.readline())
        measures = confine.confine(wanted).measures
        if not wanted.unconfined_code and not any(m.startswith("Landlock") for m in measures):
            sys.exit("ERROR: packages are not built where their code cannot be confined")
        sys.exit(environments.build(wanted))
    else:
        process.main(*(int(number) for number in sys.argv[1:]))
