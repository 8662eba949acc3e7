"""Autobahn's test suite against our WebSocket code, both halves: its fuzzing server against the client's whole transport
(tests/judges/ws_echo_client.c), its fuzzing client against our frames as a server (tests/judges/ws_pipe.c).

    run.py BUILD_DIR [CASE...]

The suite (PyPI: autobahntestsuite) is written in Python 2.7; pip puts it into BUILD_DIR/autobahn, where the reports go,
too. Exit status 1: a case failed; 77: there is no Python 2.7 with pip here, so nothing was run. CASE selects, as 9.* does.
The cases of compression (12 and 13) are left out: we offer none. Run by tools/interop."""

import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

PACKAGE = "autobahntestsuite"
NO_COMPRESSION = ["12.*", "13.*"]
AGENT = "genai-live"
START_S, CASE_S, HALF_S = 20, 90, 1200
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")


# ---- the suite ----

def python2():
    """A Python 2.7 that runs and has pip, or None."""
    installed = glob.glob(os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions", "2.7*", "bin",
                                       "python2.7"))
    for program in ["python2.7", "python2"] + installed:
        try:
            if subprocess.run([program, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return program
        except OSError:
            continue
    return None


def install(program, site):
    """Puts the suite and what it needs into `site`, whole or not at all."""
    if os.path.exists(site):
        return
    half = site + ".new"
    shutil.rmtree(half, ignore_errors=True)
    done = subprocess.run([program, "-W", "ignore", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", half,
                           PACKAGE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"interop/autobahn: pip could not install {PACKAGE}; nothing was run:\n{done.stdout}")
    os.rename(half, site)


class Suite:
    def __init__(self, program, site, work):
        # By addsitedir, for zope's namespace lies in a .pth file.
        self.command = [program, "-c", f"import site; site.addsitedir({site!r}); from autobahntestsuite.wstest import run; run()"]
        self.work = work
        self.environment = {**os.environ, "PYTHONPATH": site, "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self, mode, spec):
        """Starts wstest in one of its modes; its report of the half goes to work/MODE."""
        self.report = os.path.join(self.work, mode)
        shutil.rmtree(self.report, ignore_errors=True)
        path = os.path.join(self.work, mode + ".json")
        with open(path, "w") as file:
            json.dump({"outdir": self.report, "exclude-cases": NO_COMPRESSION, "exclude-agent-cases": {}, **spec}, file)
        with open(os.path.join(self.work, mode + ".log"), "w") as log:
            return subprocess.Popen(self.command + ["-m", mode, "-s", path, "-u", "0"], env=self.environment, cwd=self.work,
                                    stdout=log, stderr=subprocess.STDOUT)

    def verdict(self, half, expected=None):
        """Prints how the half went; True when every case is good."""
        try:
            with open(os.path.join(self.report, "index.json")) as file:
                (results,) = json.load(file).values()
        except (OSError, ValueError) as error:
            print(f"{half}: Autobahn wrote no report ({error}).")
            return False
        order = sorted(results, key=lambda case: [int(part) for part in case.split(".")])
        graded = {case: {results[case]["behavior"], results[case]["behaviorClose"]} for case in order}
        bad = [case for case in order if not graded[case] <= set(GOOD)]
        print(f"{half}: {len(order)} cases, {len(order) - len(bad)} passed")
        for grade in GOOD[1:]:
            cases = [case for case in order if grade in graded[case] and case not in bad]
            if cases:
                print(f"  {grade} {len(cases)}: {' '.join(cases)}")
        for case in bad:
            with open(os.path.join(self.report, results[case]["reportfile"])) as file:
                detail = json.load(file)
            print(f"  FAILED {case}: {detail['behavior']}, close {detail['behaviorClose']}: {detail['result']} {detail['resultClose']}")
        if expected not in (None, len(order)):
            print(f"  {expected} cases were to be run.")
            return False
        return bool(order) and not bad


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def end(process):
    process.terminate()
    process.wait()


# ---- the halves ----

def their_server(suite, client, cases):
    """Their server, our client: one connection a case."""
    url = f"ws://127.0.0.1:{free_port()}"
    server = suite.start("fuzzingserver", {"url": url, "cases": cases})

    def dial(path, *options):
        return subprocess.run([client, *options, url + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=CASE_S)

    try:
        deadline = time.monotonic() + START_S
        while not (counted := dial("/getCaseCount", "--print")).stdout:
            if time.monotonic() > deadline or server.poll() is not None:
                print(f"Autobahn's server did not answer: {counted.stderr.strip()}")
                return False
            time.sleep(0.2)
        count, ended = int(counted.stdout), True
        for case in range(1, count + 1):
            status = dial(f"/runCase?case={case}&agent={AGENT}").returncode
            if status not in (0, 1):  # 1: the case had the connection failed
                print(f"ws_echo_client ended with status {status} in the case number {case}.")
                ended = False
        dial(f"/updateReports?agent={AGENT}")
    finally:
        end(server)
    return suite.verdict("their server, our client", count) and ended


def their_client(suite, pipe, cases):
    """Their client, our server: it, too, takes one connection a case."""
    server = subprocess.Popen([pipe, "servers", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        threading.Thread(target=server.stdout.read, daemon=True).start()
        client = suite.start("fuzzingclient", {"servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}"}], "cases": cases})
        try:
            client.wait(HALF_S)
        except subprocess.TimeoutExpired:
            print(f"Autobahn's client did not end within {HALF_S} s.")
            end(client)
            return False
    finally:
        end(server)
    return suite.verdict("their client, our server")


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run.py BUILD_DIR [CASE...]")
    build, cases = os.path.abspath(sys.argv[1]), sys.argv[2:] or ["*"]
    program = python2()
    if not program:
        print(f"not run: {PACKAGE} is for Python 2.7, and there is no python2.7 with pip in PATH or pyenv. "
              "The judges of tests/judges (autobahn and websockets of Python 3) and ws above stand in for it.")
        return 77
    work = os.path.join(build, "autobahn")
    os.makedirs(work, exist_ok=True)
    site = os.path.join(work, "site")
    install(program, site)
    suite = Suite(program, site, work)
    judges = os.path.join(build, "tests", "judges")
    good = their_server(suite, os.path.join(judges, "ws_echo_client"), cases)
    good &= their_client(suite, os.path.join(judges, "ws_pipe"), cases)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
