"""A process that tests share: Keras on its torch backend, without TensorFlow."""

import json
import os
import subprocess
import sys
from threading import Timer

import pytest

ON_TORCH = pytest.mark.xdist_group("keras on torch")
TIMEOUT = 300  # seconds
LOOP = """
import contextlib, io, json, sys

sys.modules["tensorflow"] = None  # as on a machine that does not have it

for line in sys.stdin:
    script, *sys.argv[1:] = json.loads(line)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(script, {})
    print(json.dumps(printed.getvalue()), flush=True)
"""


@pytest.fixture(scope="session")
def on_torch():
    """Runs a script there with its arguments; returns the words of each line that it prints. It may not warn."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        pytest.skip("Keras is on torch already")
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    with subprocess.Popen([sys.executable, "-c", LOOP], env=environment, text=True, **pipes) as process:

        def run(script, *arguments):
            process.stdin.write(json.dumps([script, *map(str, arguments)]) + "\n")
            process.stdin.flush()
            late = Timer(TIMEOUT, process.kill)
            late.start()
            line = process.stdout.readline()
            late.cancel()
            assert line, process.stderr.read()
            return [words.split() for words in json.loads(line).splitlines()]

        yield run
        assert process.communicate(timeout=TIMEOUT)[1] == "" and process.returncode == 0
