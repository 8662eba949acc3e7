"""Whole sessions and requests for tokens through proxies that others wrote, and what is said when they refuse. Each proxy is started
here, on loopback, with a configuration of its own; those that are not installed are named as skipped."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from command import CLEAN, Case, emulator, run

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
PASSWORD, SIMPLE = "p:w@1", "p4ss"  # the first is percent-encoded in a URL; tinyproxy takes only letters and figures
LOGIN, SIMPLE_LOGIN, WRONG = "u:p%3Aw%401@", "u:p4ss@", "u:wr0ng@"

tinyproxy, squid, microsocks, danted = (shutil.which(name, path=PATH) for name in ("tinyproxy", "squid", "microsocks", "danted"))
# Squid's helper for password files.
ncsa = next(filter(os.path.exists, ("/usr/lib/squid/basic_ncsa_auth", "/usr/lib64/squid/basic_ncsa_auth")), None)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Proxy:
    """A proxy that listens, and what it wrote."""

    def __init__(self, port, log):
        self.port, self.log = port, log

    def url(self, scheme, login=""):
        return f"{scheme}://{login}127.0.0.1:{self.port}"

    def wrote(self, text):
        """Whether its log says so, at the latest soon."""
        for _ in range(200):
            if text in self.log.read_text(errors="replace"):
                return True
            time.sleep(0.02)
        return False


@contextlib.contextmanager
def listening(arguments, port, log, folder):
    out = log.open("ab") if log.name == "output" else subprocess.DEVNULL
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=CLEAN, cwd=folder)
    try:
        for _ in range(1000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                break
            if process.poll() is not None:
                raise AssertionError(f"{arguments[0]} ended with {process.returncode}: {log.read_text() if log.exists() else ''}")
            time.sleep(0.02)
        yield Proxy(port, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if out is not subprocess.DEVNULL:
            out.close()


@contextlib.contextmanager
def configured(text, arguments, log):
    """A proxy started with a file: `text` with PORT and FOLDER filled in, `arguments` with FILE and FOLDER."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = pathlib.Path(name), free_port()
        folder.chmod(0o777)  # some of them give root up
        file = folder / "proxy.conf"
        file.write_text(text.replace("PORT", str(port)).replace("FOLDER", name))
        filled = [a.replace("FILE", str(file)).replace("FOLDER", name) for a in arguments]
        with listening(filled, port, folder / log, folder) as proxy:
            yield proxy


def run_tinyproxy(more=""):
    text = f"Port PORT\nListen 127.0.0.1\nTimeout 60\nMaxClients 10\nLogLevel Connect\n{more}\n"
    return configured(text, [tinyproxy, "-d", "-c", "FILE"], "output")


@contextlib.contextmanager
def run_squid(rules, users=True):
    hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], stdout=subprocess.PIPE, check=True, text=True).stdout
    with tempfile.TemporaryDirectory() as name:
        users_file = pathlib.Path(name, "users")
        users_file.write_text("u:" + hashed)
        os.chmod(name, 0o755)
        login = f"auth_param basic program {ncsa} {users_file}\nauth_param basic children 1\nacl known proxy_auth REQUIRED\n"
        text = ("http_port 127.0.0.1:PORT\npid_filename FOLDER/pid\naccess_log stdio:FOLDER/access.log\ncache_log FOLDER/cache.log\n"
                f"coredump_dir FOLDER\ncache deny all\nshutdown_lifetime 0 seconds\npinger_enable off\n{login if users else ''}{rules}\n"
                "http_access deny all\n")
        with configured(text, [squid, "-N", "-f", "FILE"], "access.log") as proxy:
            yield proxy


@contextlib.contextmanager
def run_microsocks(*more):
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        with listening([microsocks, "-i", "127.0.0.1", "-p", str(port), *more], port, pathlib.Path(name, "output"), name) as proxy:
            yield proxy


def run_danted(rules=""):
    text = ("logoutput: FOLDER/log\ninternal: 127.0.0.1 port = PORT\nexternal: 127.0.0.1\nclientmethod: none\nsocksmethod: none\n"
            "client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\n" + rules +
            "socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect error }\n")
    return configured(text, [danted, "-f", "FILE", "-p", "FOLDER/pid"], "log")


class Through(Case):
    """What every proxy must carry, and how refusals look."""

    def carries(self, proxy, url, trace):
        """Sessions over TLS and without, and a request for a token; `trace` is what the proxy writes of each, with {port}."""
        for mode in ([], ["--plain"]):
            with emulator("--fast", "--no-speech", *mode) as service:
                done = run("chat", "--text", "--proxy", url, "Hello", env=service.env)
                self.check(done, 0)
                self.assertIn("Hello", done.stdout)
                self.assertTrue(proxy.wrote(trace.format(port=service.port)), proxy.log.read_text())
        with emulator("--fast", "--no-speech") as service:
            self.check(run("token", "--proxy", url, env=service.env), 0)
            self.assertTrue(proxy.wrote(trace.format(port=service.port)), proxy.log.read_text())

    def refuses(self, url, *sentences, port=None):
        with emulator("--fast", "--no-speech") as service:
            env = dict(service.env)
            if port:
                env["GOOGLE_GEMINI_BASE_URL"] = f"https://127.0.0.1:{port}"
            for arguments in (["chat", "--text", "--timeout", "20", "Hello"], ["token"]):
                done = run(*arguments, "--proxy", url, "--json", env=env)
                self.assertNotIn(done.returncode, (0, 2), done.stderr)
                for sentence in sentences:
                    self.assertIn(sentence, done.stderr + done.stdout)
                for secret in (PASSWORD, "p%3Aw%401", SIMPLE, "wr0ng", "dTp"):  # dTp…: "u:" in base64
                    self.assertNotIn(secret, done.stderr + done.stdout)


@unittest.skipUnless(tinyproxy, "tinyproxy is not installed")
class Tinyproxy(Through):
    def test_carries(self):
        with run_tinyproxy(f"BasicAuth u {SIMPLE}") as proxy:
            self.carries(proxy, proxy.url("http", SIMPLE_LOGIN), "CONNECT 127.0.0.1:{port}")

    def test_wants_a_login(self):
        with run_tinyproxy(f"BasicAuth u {SIMPLE}") as proxy:
            self.refuses(proxy.url("http"), f"The proxy 127.0.0.1 port {proxy.port} did not connect to 127.0.0.1 port", "it answered 40",
                         "user and password")
            self.refuses(proxy.url("http", WRONG), "it answered 40")

    def test_forbids_ports(self):
        with run_tinyproxy("ConnectPort 443") as proxy:
            self.refuses(proxy.url("http"), "it answered 403")

    def test_filters(self):
        with tempfile.NamedTemporaryFile("w") as names:
            names.write("^127\\.\n")
            names.flush()
            os.chmod(names.name, 0o644)
            with run_tinyproxy(f'Filter "{names.name}"') as proxy:
                self.refuses(proxy.url("http"), "it answered 403 Filtered")

    def test_nobody_behind(self):
        with run_tinyproxy() as proxy:
            self.refuses(proxy.url("http"), "it answered 50", port=free_port())


@unittest.skipUnless(squid and ncsa and shutil.which("openssl"), "squid is not installed")
class Squid(Through):
    def test_carries(self):
        with run_squid("http_access allow known") as proxy:
            self.carries(proxy, proxy.url("http", LOGIN), "CONNECT 127.0.0.1:{port}")

    def test_wants_a_login(self):
        with run_squid("http_access allow known") as proxy:
            self.refuses(proxy.url("http"), "it answered 407", "Give its user and password")
            self.refuses(proxy.url("http", WRONG), "it answered 407", "It did not accept the user and password")

    def test_forbids(self):
        with run_squid("acl here dst 127.0.0.0/8\nhttp_access deny here\n", users=False) as proxy:
            self.refuses(proxy.url("http"), "it answered 403 Forbidden")

    def test_nobody_behind(self):
        with run_squid("http_access allow all", users=False) as proxy:
            self.refuses(proxy.url("http"), "it answered 503", port=free_port())


@unittest.skipUnless(microsocks, "microsocks is not installed")
class Microsocks(Through):
    def test_carries(self):
        with run_microsocks("-u", "u", "-P", PASSWORD) as proxy:
            for scheme in ("socks5", "socks5h"):
                self.carries(proxy, proxy.url(scheme, LOGIN), "connected to 127.0.0.1:{port}")

    def test_resolves_names(self):
        """The name goes to the proxy with socks5h, an address with socks5."""
        with run_microsocks() as proxy, emulator("--fast", "--no-speech") as service:
            for scheme, said in (("socks5h", "localhost"), ("socks5", "127.0.0.1")):
                done = run("chat", "--text", "--proxy", proxy.url(scheme), "--base-url", f"https://localhost:{service.port}", "Hello",
                           env=service.env)
                self.check(done, 0)
                self.assertTrue(proxy.wrote(f"connected to {said}:{service.port}"), proxy.log.read_text())

    def test_wants_a_login(self):
        with run_microsocks("-u", "u", "-P", PASSWORD) as proxy:
            self.refuses(proxy.url("socks5h"), "it wants a login that was not given")
            self.refuses(proxy.url("socks5h", WRONG), "it did not accept user and password")

    def test_nobody_behind(self):
        with run_microsocks() as proxy:
            self.refuses(proxy.url("socks5"), "the connection was refused", port=free_port())


@unittest.skipUnless(danted, "danted (dante-server) is not installed")
class Dante(Through):
    def test_carries(self):
        with run_danted() as proxy:
            for scheme in ("socks5", "socks5h"):
                self.carries(proxy, proxy.url(scheme), "127.0.0.1.{port}")

    def test_rules(self):
        with run_danted("socks block { from: 0.0.0.0/0 to: 127.0.0.0/8 }\n") as proxy:
            self.refuses(proxy.url("socks5"), "its rules do not allow it")


class Wrong(Through):
    def test_nobody_listens(self):
        self.refuses(f"socks5h://{LOGIN}127.0.0.1:{free_port()}", "the proxy 127.0.0.1 port")
        self.refuses(f"http://{LOGIN}127.0.0.1:{free_port()}", "the proxy 127.0.0.1 port")

    @unittest.skipUnless(microsocks, "microsocks is not installed")
    def test_of_another_kind(self):
        with run_microsocks() as proxy:
            self.refuses(proxy.url("http"), f"127.0.0.1 port {proxy.port}")


if __name__ == "__main__":
    unittest.main(verbosity=2)  # names what is skipped, and why
