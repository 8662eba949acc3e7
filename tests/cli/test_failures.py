"""How chat and talk fail: each cause has its exit status and its sentence, and no secret in it."""
import contextlib
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from command import CLEAN, Case, COMMAND, emulator, run
from fake import peer, read_head

KEY = "AIza-the-secret-key"
ENV = {"GEMINI_API_KEY": KEY}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Failures(Case):
    def chat(self, url, *arguments, env=ENV, **more):
        done = run("chat", "Hello", "--base-url", url, *arguments, env=env, **more)
        self.assertNotIn(KEY, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        return done

    def test_no_key(self):
        self.check(self.chat("https://127.0.0.1:1", env={}), 2, "GEMINI_API_KEY")

    def test_key_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "key")
            path.write_text(" \n")
            self.check(self.chat("https://127.0.0.1:1", "--key-file", path, env={}), 2, "holds no API key.")
            self.check(self.chat("https://127.0.0.1:1", "--key-file", path.with_name("none"), env={}), 1, "No such file")
            path.write_text(f"\n  {KEY}\n")
            self.check(self.chat(f"http://127.0.0.1:{free_port()}", "--key-file", path, env={}), 3)

    def test_unknown_host(self):
        self.check(self.chat("https://no-such-host.invalid"), 3, "no-such-host.invalid")

    def test_refused_port(self):
        port = free_port()
        self.check(self.chat(f"https://127.0.0.1:{port}"), 3, [str(port), "refused"])

    def test_key_over_plain_http(self):
        self.check(self.chat("http://192.0.2.1"), 2, "192.0.2.1")

    def test_wrong_url(self):
        self.check(self.chat("ftp://127.0.0.1"), 2, "scheme")

    def test_silent_peer_times_out(self):
        with peer(lambda connection: connection.recv(1) and time.sleep(30)) as port:
            start = time.monotonic()
            self.check(self.chat(f"http://127.0.0.1:{port}", "--timeout", "0.3"), 5)
            self.assertLess(time.monotonic() - start, 10)

    def test_peer_that_speaks_no_http(self):
        with peer(lambda connection: connection.sendall(b"220 smtp ready\r\n" * 20)) as port:
            self.check(self.chat(f"http://127.0.0.1:{port}"), 3)

    def test_peer_that_speaks_no_tls(self):
        with peer(lambda connection: (connection.recv(1), connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))) as port:
            self.check(self.chat(f"https://127.0.0.1:{port}"), 3, "TLS")

    def test_peer_that_hangs_up(self):
        with peer(lambda connection: read_head(connection)) as port:
            self.check(self.chat(f"http://127.0.0.1:{port}"), 3)

    def test_refused_upgrade_shows_the_services_words(self):
        body = b'{"error":{"code":403,"message":"API key not valid.","status":"PERMISSION_DENIED"}}'

        def refuse(connection):
            read_head(connection)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        with peer(refuse) as port:
            self.check(self.chat(f"http://127.0.0.1:{port}"), 4, ["403", "API key not valid."])

    def test_json_error_line(self):
        done = run("chat", "Hello", "--json", "--base-url", f"https://127.0.0.1:{free_port()}", env=ENV)
        self.check(done, 3)
        self.assertIn('"event":"error"', done.stdout)
        self.assertIn('"status":"GENAI_ERROR_CONNECT"', done.stdout)

    def test_interrupt_while_connecting(self):
        with peer(lambda connection: time.sleep(30)) as port:
            with subprocess.Popen([COMMAND, "chat", "Hello", "--base-url", f"http://127.0.0.1:{port}"],
                                  stderr=subprocess.PIPE, env={**CLEAN, **ENV}) as p:
                time.sleep(0.3)
                p.send_signal(signal.SIGINT)
                self.assertEqual(p.wait(10), 130)

    def test_certificate_of_an_unknown_authority(self):
        with emulator() as service:
            self.check(self.chat(service.url), 3, "certificate")
            with emulator() as other:
                self.check(self.chat(service.url, "--ca", other.ca), 3, "certificate")
            self.check(self.chat(service.url, "--ca", "/no/such/ca.pem"), 3, "/no/such/ca.pem")

    def test_certificate_of_another_host(self):
        with emulator() as service:
            port = service.url.rsplit(":", 1)[1]
            self.check(self.chat(f"https://127.0.0.2:{port}", "--ca", service.ca), 3)


if __name__ == "__main__":
    unittest.main()
