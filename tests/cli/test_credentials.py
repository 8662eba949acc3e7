"""Google credentials through the command, with the emulator as token endpoint, metadata server and service."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from command import Case, emulator, run
from fake import peer, read_head
from sound import pcm, silence, tone

SECRET = "s3cr3t-0f-th3-f1l3"
OAUTH = ["--credentials", "--project", "p1", "--location", "us-central1", "--fast", "--no-speech"]


def key():
    """A private key, PEM."""
    return subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True, text=True).stdout


class Credentials(Case):
    @classmethod
    def setUpClass(cls):
        cls.pem = key()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name="credentials.json", **members):
        path = self.folder / name
        path.write_text(json.dumps(members))
        return path

    def service_account(self, url, email="robot@p1.iam.gserviceaccount.com", **more):
        return self.file(type="service_account", project_id="p1", private_key_id="k", private_key=self.pem, client_email=email,
                         token_uri=url, **more)

    def user(self, url, name="credentials.json", refresh_token="1//" + SECRET):
        return self.file(name, type="authorized_user", client_id="i", client_secret=SECRET, refresh_token=refresh_token, token_uri=url)

    def vertex(self, service, *arguments, env=None, command="chat", end=("Hello",), project="p1"):
        """The command against this service on Vertex AI, with no gcloud of this machine's."""
        text = ["--text"] if command == "chat" else []
        trust = {"SSL_CERT_FILE": service.ca} if service.url.startswith("https:") else {}
        return run(command, *text, "--backend", "vertex", "--project", project, "--location", "us-central1", "--base-url", service.url,
                   "--timeout", "20", *arguments, *end, env={"CLOUDSDK_CONFIG": self.folder, **trust, **(env or {})})

    def answered(self, done):
        self.check(done, 0)
        self.assertIn("Hello", done.stdout)

    def refused(self, done, status, *sentences):
        self.check(done, status, sentences)
        for secret in (SECRET, "PRIVATE KEY", self.pem.splitlines()[1]):
            self.assertNotIn(secret, done.stderr + done.stdout)

    def test_service_account(self):
        """Its assertion, its token, a session."""
        for mode in ([], ["--plain"]):
            with emulator(*OAUTH, *mode) as service:
                file = self.service_account(service.url + "/token")
                self.answered(self.vertex(service, "--credentials", file))
                self.answered(self.vertex(service, env={"GOOGLE_APPLICATION_CREDENTIALS": file}))

    def test_service_account_talks(self):
        speech, reply = self.folder / "speech.pcm", self.folder / "reply.wav"
        speech.write_bytes(pcm(tone(0.8) + silence(1.2)))
        with emulator(*OAUTH) as service:
            file = self.service_account(service.url + "/token")
            sound = ["--in", speech, "--rate", "16000", "--out", reply]
            self.check(self.vertex(service, "--credentials", file, *sound, command="talk", end=()), 0)
            self.assertGreater(reply.stat().st_size, 0.7 * 48000)

    def test_another_project_is_refused_by_the_service(self):
        with emulator(*OAUTH) as service:
            file = self.service_account(service.url + "/token")
            self.check(self.vertex(service, "--credentials", file, project="other"), 4, "denied on resource")

    def test_user_of_gcloud(self):
        with emulator(*OAUTH) as service:
            self.user(service.url + "/token", "application_default_credentials.json")
            self.answered(self.vertex(service))

    def test_metadata_server(self):
        with emulator("--plain", *OAUTH) as service:
            self.answered(self.vertex(service, env={"GCE_METADATA_HOST": f"127.0.0.1:{service.port}"}))

    def test_refused_grants(self):
        with emulator(*OAUTH) as service:
            file = self.service_account(service.url + "/token", email="invalid@p1.iam.gserviceaccount.com")
            self.refused(self.vertex(service, "--credentials", file), 2, "127.0.0.1 answered HTTP 400",
                         "It says: invalid_grant: Invalid grant: account not found.", "is this machine's clock right?")
            file = self.user(service.url + "/token", refresh_token="invalid-" + SECRET)
            self.refused(self.vertex(service, "--credentials", file), 2, "Token has been expired or revoked.",
                         "gcloud auth application-default login")

    def test_files_that_do_not_serve(self):
        with emulator(*OAUTH) as service:
            broken = self.folder / "broken.json"
            broken.write_text('{"type": "authorized_user", "client_secret": "' + SECRET)
            for file, sentence in (
                    (self.folder / "none.json", "No such file"), (self.folder, "is no file"), (broken, "is not JSON"),
                    (self.file("a.json", type="service_account", client_email="e", private_key=SECRET), "is no RSA key in PEM form"),
                    (self.file("b.json", type="authorized_user", client_id="i", client_secret=SECRET), 'has no "refresh_token"'),
                    (self.file("c.json", type="api_key"), "which is not known here"),
                    (self.file("d.json", type="service_account", client_email="e", private_key=self.pem,
                               token_uri="https://tokens.example/t"), "would send its secret to https://tokens.example")):
                self.refused(self.vertex(service, "--credentials", file), 2, sentence)
                self.refused(self.vertex(service, env={"GOOGLE_APPLICATION_CREDENTIALS": file}), 2,
                             "named by GOOGLE_APPLICATION_CREDENTIALS", sentence)

    def test_no_credentials_at_all(self):
        with emulator(*OAUTH) as service:
            self.refused(self.vertex(service, env={"GCE_METADATA_HOST": "127.0.0.1:1"}), 2,
                         "No Google credentials were found", "no metadata server answered")
            self.refused(self.vertex(service, env={"NO_GCE_CHECK": "true"}), 2, "No Google credentials were found")

    def test_an_endpoint_that_stalls(self):
        def mute(connection):
            while connection.recv(4096):
                pass

        with emulator(*OAUTH) as service, peer(mute) as port:
            file = self.user(f"http://127.0.0.1:{port}/token")
            self.refused(self.vertex(service, "--credentials", file, "--timeout", "1"), 5,
                         "it was still getting credentials")

    def test_an_endpoint_that_answers_nonsense(self):
        def captive(connection):
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<html>log in")

        with emulator(*OAUTH) as service, peer(captive) as port:
            file = self.user(f"http://127.0.0.1:{port}/token")
            self.refused(self.vertex(service, "--credentials", file), 2, "127.0.0.1 answered without an access token.")


if __name__ == "__main__":
    unittest.main()
