"""The example programs against the emulator."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from command import CLEAN, Case, emulator
from sound import pcm, silence, tone

EXAMPLES = pathlib.Path(os.environ["GENAI_EXAMPLES"])


class Examples(Case):
    def example(self, service, name, *arguments):
        done = subprocess.run([EXAMPLES / name, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env={**CLEAN, **service.env}, text=True)
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

    def test_without_a_key_they_say_so(self):
        for name in ("hello_text", "tools_manual"):
            done = subprocess.run([EXAMPLES / name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("GEMINI_API_KEY", done.stderr)


if __name__ == "__main__":
    unittest.main()
