"""The connection's options, as they arrive at a server: path, headers, proxy; warnings before dialing; refusals."""
import json
import pathlib
import tempfile
import unittest

from command import Case, run
from fake import peer, read_head, service

KEY = {"GEMINI_API_KEY": "any"}
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


class Connection(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def head(self, *arguments, env=KEY, path=""):
        """The target and the headers of the request that chat opens the session with."""
        heads = []

        def talk(connection):
            heads.append(read_head(connection).decode())
            connection.sendall(REFUSAL)

        with peer(talk) as port:
            self.check(run("chat", "Hi", "--base-url", f"http://127.0.0.1:{port}{path}", *arguments, env=env), 4, "403")
        first, *lines = heads[0].split("\r\n")
        return first.split()[1], {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}

    def test_gemini(self):
        target, headers = self.head()
        self.assertEqual(target, "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent")
        self.assertEqual(headers["x-goog-api-key"], "any")

    def test_version_and_headers(self):
        target, headers = self.head("--api-version", "v1beta", "-H", "X-One: two words", "--header", "X-Two:a:b",
                                    "--header=User-Agent: kiosk/1")
        self.assertIn(".v1beta.", target)
        self.assertEqual((headers["x-one"], headers["x-two"]), ("two words", "a:b"))
        self.assertRegex(headers["user-agent"], r"^genai-live/\S+ kiosk/1$")

    def test_vertex_with_an_access_token(self):
        token = self.file("token", " ya29.secret\n")
        target, headers = self.head("--backend", "vertex", "--project", "p1", "--location", "us-central1",
                                    "--access-token-file", token, env={})
        self.assertEqual(target, "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent")
        self.assertEqual(headers["authorization"], "Bearer ya29.secret")
        self.assertNotIn("x-goog-api-key", headers)

    def test_vertex_in_the_setup(self):
        setups = []

        def script(fake):
            setups.append(fake.setup)
            fake.receive()
            fake.complete()

        with service(script) as url:
            self.check(run("chat", "Hi", "-b", "vertex", "--project", "p1", "--location", "eu", "-m", "m1", "--base-url", url,
                           "--access-token-file", self.file("token", "t")), 0)
        self.assertEqual(setups[0]["model"], "projects/p1/locations/eu/publishers/google/models/m1")

    def test_vertex_with_credentials(self):
        heads = []

        def talk(connection):
            heads.append(read_head(connection).decode())
            body = b'{"access_token":"ya29.fresh","expires_in":3600,"token_type":"Bearer"}'
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            connection.sendall(answer if heads[-1].startswith("POST /token") else REFUSAL)

        with peer(talk) as port:
            user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
                    "token_uri": f"http://127.0.0.1:{port}/token"}
            self.check(run("chat", "Hi", "--backend", "vertex", "--project", "p1", "--location", "global", "--base-url",
                           f"http://127.0.0.1:{port}", "--credentials", self.file("user.json", json.dumps(user))), 4, "403")
        self.assertIn("Authorization: Bearer ya29.fresh\r\n", heads[1])

    def test_express_mode(self):
        _, headers = self.head("--backend", "vertex", "--key-file", self.file("key", "k1\n"), env={})
        self.assertEqual(headers["x-goog-api-key"], "k1")

    def test_gateway(self):
        target, headers = self.head("--backend", "vertex", "-H", "Authorization: Basic abc", path="/live?tenant=1", env={})
        self.assertEqual(target, "/live?tenant=1")
        self.assertEqual(headers["authorization"], "Basic abc")

    def test_proxy(self):
        heads = []

        def talk(connection):
            heads.append(read_head(connection).decode())
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        def chat(*arguments, env=None):
            return run("chat", "Hi", "--base-url", "https://live.invalid", *arguments, env={**KEY, **(env or {})})

        with peer(talk) as port:
            done = self.check(chat("--proxy", f"http://user:s3cret@127.0.0.1:{port}"), 3, "407")
            self.assertTrue(heads[0].startswith("CONNECT live.invalid:443 HTTP/1.1\r\n"), heads)
            self.assertIn("Basic dXNlcjpzM2NyZXQ=", heads[0])
            self.assertNotIn("s3cret", done.stderr)
            env = {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
            self.check(chat(env=env), 3, "407")
            self.assertEqual(len(heads), 2)
            self.check(chat("--proxy", "", env=env), 3, "live.invalid")
            self.check(chat("--no-proxy", ".invalid", env=env), 3, "live.invalid")
            self.assertEqual(len(heads), 2)

    def test_warnings(self):
        config = self.file("config.json", '{"thinkingConfig":{"thinkingBudget":5}}')

        def script(fake):
            fake.receive()
            fake.text("yes")
            fake.complete()

        def chat(*arguments):
            with service(script) as url:
                return self.check(run("chat", "Hi", "--base-url", url, *arguments, env=KEY), 0)

        done = chat("--config", config)
        self.assertEqual(done.stderr.count("genai-live: warning: "), 1, done.stderr)
        self.assertIn("gemini-3.8-live", done.stderr)
        self.assertEqual(chat("--config", config, "-m", "unheard-of").stderr, "")
        models = self.file("models.json", '{"models":[{"model":"unheard-of","thinking":"LEVEL"}]}')
        done = chat("--config", config, "-m", "unheard-of", "--models", models)
        self.assertEqual(done.stderr.count("genai-live: warning: "), 1, done.stderr)
        done = self.check(run("chat", "Hi", "--emulator", env={"GOOGLE_API_KEY": "a", "GEMINI_API_KEY": "b"}), 0)
        self.assertEqual(done.stderr, "")  # the key is the emulator's

    def test_an_end_is_no_warning(self):
        def script(fake):
            fake.receive()
            fake.close(1011, "Some reason.")

        with service(script) as url:
            done = self.check(run("chat", "Hi", "--reconnect=none", "--base-url", url, env=KEY), 4)
        self.assertEqual(done.stderr.count("Some reason."), 1, done.stderr)

    def test_usage(self):
        def refused(text, *arguments, env=KEY):
            self.check(run("chat", "Hi", *arguments, env=env), 2, text)

        refused("it takes one of: gemini vertex", "--backend", "both")
        refused("--header wants NAME:VALUE", "--header", "X-One")
        refused("holds no access token", "--backend", "vertex", "--access-token-file", self.file("empty", "\n"))
        refused("GENAI_BACKEND_VERTEX", "--project", "p1")
        refused("is no location", "--backend", "vertex", "--location", "a/b")
        refused("There is no API key. Set GEMINI_API_KEY", env={})
        self.check(run("chat", "Hi", "--models", "/no/such", env=KEY), 1, "No such file")
        self.check(run("chat", "Hi", "--models", self.file("models", "{"), env=KEY), 2)


if __name__ == "__main__":
    unittest.main()
