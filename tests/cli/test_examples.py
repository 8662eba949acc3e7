"""The example programs against the emulator."""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest

from command import CLEAN, Case, emulator
from fake import peer, read_head
from sound import pcm, silence, tone

EXAMPLES = pathlib.Path(os.environ["GENAI_EXAMPLES"])


def pour(source, target):
    """Bytes from one socket to the other, and its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class Examples(Case):
    def example(self, service, name, *arguments, env=None):
        done = subprocess.run([EXAMPLES / name, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env={**CLEAN, **service.env, **(env or {})}, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_hello_text(self):
        with emulator("--fast") as service:
            self.assertIn("library", self.example(service, "hello_text"))

    def test_talk_file(self):
        with emulator("--fast") as service, tempfile.TemporaryDirectory() as folder:
            speech, reply = pathlib.Path(folder, "speech.pcm"), pathlib.Path(folder, "reply.pcm")
            speech.write_bytes(pcm(tone(0.8) + silence(1.2)))
            out = self.example(service, "talk_file", speech, reply)
            self.assertIn("you: ", out)
            self.assertIn("model: ", out)
            self.assertGreater(reply.stat().st_size, 0.7 * 48000)

    def test_tools_manual(self):
        with emulator("--fast") as service:
            out = self.example(service, "tools_manual")
            self.assertIn("[get_weather at Paris]", out)
            self.assertGreater(len(out.splitlines()[-1]), 1)

    def test_music(self):
        with emulator("--fast") as service, tempfile.TemporaryDirectory() as folder:
            song = pathlib.Path(folder, "song.pcm")
            out = self.example(service, "music", song, "minimal techno", "a forbidden song", "piano")
            self.assertIn("filtered: a forbidden song", out)
            self.assertGreaterEqual(song.stat().st_size, 10 * 48000 * 4)

    def test_token(self):
        with emulator("--fast") as service:
            self.assertGreater(len(self.example(service, "token", "Hello").strip()), 1)

    def test_resume(self):
        with emulator("--fast") as service, tempfile.TemporaryDirectory() as folder:
            handle = pathlib.Path(folder, "handle")
            self.assertIn("Hello", self.example(service, "resume", handle, "Hello"))
            first = handle.read_text()
            self.assertIn("Again", self.example(service, "resume", handle, "Again"))
            self.assertNotEqual(handle.read_text(), first)

    def test_tools_auto(self):
        with emulator("--fast") as service:
            out = self.example(service, "tools_auto")
            self.assertIn("[get_weather at Paris]", out)
            self.assertIn("21", out.splitlines()[-1])

    def test_connect(self):
        with emulator("--fast") as service, tempfile.TemporaryDirectory() as folder:
            tokens = pathlib.Path(folder, "tokens")
            tokens.write_text("ya29.any\n")
            at = {"GOOGLE_VERTEX_BASE_URL": service.url}
            self.assertIn("Hello", self.example(service, "connect"))
            self.assertIn("Hello", self.example(service, "connect", "vertex", "p1", "us-central1", tokens, env=at))

    def test_credentials(self):
        """With a file of its own; from the environment; from the machine's metadata server; and none."""
        with emulator("--fast", "--credentials", "--project", "p1") as service, emulator("--plain", "--credentials") as machine, \
                tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "user.json")
            file.write_text(json.dumps({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r",
                                        "token_uri": service.url + "/token"}))
            at = {"GOOGLE_VERTEX_BASE_URL": service.url, "CLOUDSDK_CONFIG": folder}
            place = ["p1", "us-central1"]
            self.assertEqual(self.example(service, "credentials", *place, file, env=at).count("Hello"), 2)
            self.assertIn("Hello", self.example(service, "credentials", *place, env={**at, "GOOGLE_APPLICATION_CREDENTIALS": file}))
            metadata = {**at, "GCE_METADATA_HOST": f"127.0.0.1:{machine.port}"}
            self.assertIn("Hello", self.example(service, "credentials", *place, env=metadata))
            done = subprocess.run([EXAMPLES / "credentials", *place, file.with_name("none.json")], env={**CLEAN, **service.env, **at},
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("No access token: ", done.stderr)
            self.assertIn("none.json cannot be read", done.stderr)

    def test_proxy(self):
        asked = []

        def tunnel(connection):
            head = read_head(connection).decode()
            asked.append(head.split()[1])
            if "Proxy-Authorization: Basic dTpw\r\n" not in head:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", int(asked[-1].rpartition(":")[2]))) as target:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pour, args=(target, connection))
                back.start()
                pour(connection, target)
                back.join()

        with emulator("--fast") as service, peer(tunnel) as port:
            target = f"127.0.0.1:{service.port}"
            self.assertIn("Hello", self.example(service, "proxy", f"http://u:p@127.0.0.1:{port}"))
            self.assertEqual(asked, [target])
            self.assertIn("Hello", self.example(service, "proxy", f"http://u:p@127.0.0.1:{port}", "127.0.0.0/8"))
            self.assertIn("Hello", self.example(service, "proxy"))
            self.assertEqual(asked, [target])
            done = subprocess.run([EXAMPLES / "proxy", f"http://127.0.0.1:{port}"], env={**CLEAN, **service.env},
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("The proxy (HTTP status 407): ", done.stderr)

    def test_connect_by_a_gateway(self):
        heads = []

        def talk(connection):
            heads.append(read_head(connection).decode())
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nGo away. ")

        with peer(talk) as port:
            done = subprocess.run([EXAMPLES / "connect", "gateway", f"http://127.0.0.1:{port}/live", "Basic abc"], env=CLEAN,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Go away.", done.stderr)
        self.assertTrue(heads[0].startswith("GET /live HTTP/1.1\r\n"), heads)
        self.assertIn("Authorization: Basic abc\r\n", heads[0])

    def test_without_a_key_they_say_so(self):
        for name in ("hello_text", "tools_manual", "tools_auto", "connect"):
            done = subprocess.run([EXAMPLES / name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("GEMINI_API_KEY", done.stderr)


if __name__ == "__main__":
    unittest.main()
