"""A process that listens at AUTOMIX_LISTEN; with AUTOMIX_FAIL it fails, with AUTOMIX_STUBBORN it ignores SIGTERM."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path


def main() -> None:
    Path(os.environ["AUTOMIX_SCRATCH_DIR"], "told.json").write_text(json.dumps(dict(os.environ)))
    if "AUTOMIX_FAIL" in os.environ:
        sys.exit("this service has a reason to fail")
    if "AUTOMIX_STUBBORN" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "AUTOMIX_CHILD" in os.environ:
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        Path(os.environ["AUTOMIX_CHILD"]).write_text(str(child.pid))
    host, _, port = os.environ["AUTOMIX_LISTEN"].rpartition(":")
    with socket.create_server((host, int(port))) as server:
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        while True:
            server.accept()[0].close()


main()
