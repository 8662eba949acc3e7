"""`token` against the emulator: what it prints, and what the tokens then open and hold."""
import json
import pathlib
import tempfile
import time
import unittest
import urllib.request

from command import Case, emulator, json_lines, run

TEXT = '{"responseModalities":["TEXT"],"systemInstruction":{"parts":[{"text":"locked"}]}}'


class Token(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def make(self, service, *arguments, **more):
        done = self.check(run("token", *arguments, env=service.env, **more), 0)
        self.assertRegex(done.stdout, r"^auth_tokens/\w+\n$")
        return done.stdout.strip()

    def chat(self, service, token, *arguments):
        return run("chat", "--timeout", "20", *arguments, "Hello", env={**service.env, "GEMINI_API_KEY": token})

    def test_opens_one_session(self):
        with emulator("--fast", "--no-speech") as service:
            token = self.make(service)
            self.assertIn("Hello", self.check(self.chat(service, token), 0).stdout)
            self.check(self.chat(service, token), 4, "used too many times")

    def test_opens_as_many_as_it_says(self):
        with emulator("--fast", "--no-speech") as service:
            two, any_number = self.make(service, "--uses", "2"), self.make(service, "--uses=0", "--expire", "1h30m")
            for _ in range(2):
                self.check(self.chat(service, two), 0)
            self.check(self.chat(service, two), 4)
            for _ in range(3):
                self.check(self.chat(service, any_number), 0)

    def test_binds(self):
        config = self.folder / "config.json"
        config.write_text(TEXT)
        with emulator("--fast", "--no-speech") as service:
            locked = self.make(service, "--model", "gemini-3.8-live", "--config", config)
            partly = self.make(service, "--config", "-", "--lock-set", "--lock", "tools", stdin=TEXT)
            for token in (locked, partly):
                done = self.check(self.chat(service, token, "--json"), 0)
                events = [line["event"] for line in json_lines(done.stdout)]
                self.assertIn("text", events)  # written, as the token says, though chat asks for speech
                self.assertNotIn("outputTranscription", events)

    def test_expires(self):
        with emulator("--fast", "--no-speech") as service:
            token = self.make(service, "--expire", "5s", "--new-session-expire", "4", "--uses", "0")
            self.check(self.chat(service, token), 0)
            time.sleep(4.2)  # the emulator in the other process has the system's clock
            self.check(self.chat(service, token), 4, "expired")

    def test_json(self):
        with emulator() as service:
            done = self.check(run("token", "--json", "--expire", "30m", env=service.env), 0)
        lines = json_lines(done.stdout)
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0]["name"].startswith("auth_tokens/"))
        self.assertRegex(lines[0]["expireTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertNotIn("newSessionExpireTime", lines[0])

    def test_emulator(self):
        self.assertRegex(self.check(run("token", "--emulator"), 0, "one session").stdout,
                         r"^auth_tokens/\w+\n$")

    def test_credentials_of_the_emulator(self):
        """--credentials: the token endpoint is there; --project and --location: whose models may be used."""
        with emulator("--plain", "--credentials", "--project", "p", "--location", "l", "--fast", "--no-speech") as service:
            grant = b"grant_type=refresh_token&refresh_token=r"
            with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/token", grant, timeout=20) as answer:
                access = json.load(answer)["access_token"]
            bearer = self.folder / "access"
            bearer.write_text(access)
            vertex = ["chat", "--text", "--backend", "vertex", "--access-token-file", bearer, "--base-url", service.url,
                      "--location", "l", "Hello"]
            self.assertIn("Hello", self.check(run(*vertex, "--project", "p"), 0).stdout)
            self.check(run(*vertex, "--project", "other"), 4, "denied on resource")

    def test_refusals(self):
        for span in ("", "soon", "-5", "0", "1d", "20h1s", "5 m", "99999999999"):
            self.check(run("token", "--emulator", f"--expire={span}"), 2, "--expire wants a time")
        self.check(run("token", "--emulator", "--config", "-", stdin="{"), 2, "is not JSON")
        self.check(run("token", "--emulator", "--config", "-", stdin='{"temprature":1}'), 2, "temprature")
        self.check(run("token", "--emulator", "--model", "a..b"), 2)
        self.check(run("token"), 2, "There is no API key.")
        with emulator() as service:
            token = self.make(service)
            done = self.check(run("token", env={**service.env, "GEMINI_API_KEY": token}), 2)
            self.assertNotIn(token, done.stderr)
            self.check(run("token", "--lock", "no_such_field", env=service.env), 4, "no_such_field")


if __name__ == "__main__":
    unittest.main()
