"""The example programs against the emulator."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from command import CLEAN, Case, emulator
from fake import peer, read_head
from sound import pcm, silence, tone

EXAMPLES = pathlib.Path(os.environ["GENAI_EXAMPLES"])


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
