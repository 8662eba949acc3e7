"""`emulate`: what it tells, and that others find it where it says."""
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import unittest
import urllib.parse

from command import CLEAN, Case, COMMAND, PROJECT, SHARED, emulator, first_existing, run


class Emulate(Case):
    def test_bad_options(self):
        self.check(run("emulate", "--port", "65536"), 2, "--port must be between 0 and 65535, not 65536.")
        self.check(run("emulate", "--voice", "song"), 2, "it takes one of: echo replay.")
        self.check(run("emulate", "--voice", "replay"), 2, "--replay FILE")
        self.check(run("emulate", "--replay", "/no/such.log"), 1, "/no/such.log")
        self.check(run("emulate", "--ca-out", "/no/such/ca.pem"), 1, "/no/such/ca.pem")
        self.check(run("emulate", "--cert", "/no/such/emulator.pem"), 1, "/no/such/emulator.pem could not be written")
        self.check(run("emulate", "--plain", "--cert", "emulator.pem"), 2, "no certificate to write or to keep")
        self.assertNotEqual(run("emulate", "--host", "0.0.0.0", timeout=10).returncode, 0)

    def test_bad_faults(self):
        self.check(run("emulate", "--fault", "goAway led=2s"), 2, 'Fault "goAway led=2s": goAway has no "led".')
        self.check(run("emulate", "--chaos", "1", "--chaos-only", "drop nothing"), 2, 'There is no fault "nothing".')
        self.check(run("emulate", "--chaos-only", "drop"), 2, "--chaos-only needs --chaos SEED.")
        self.check(run("emulate", "--scenario", "/no/such.json"), 1, "/no/such.json could not be read")
        self.check(run("emulate", "--ledger", "/no/such/ledger"), 1, "/no/such/ledger could not be opened")
        self.check(run("emulate", "--state", "/no/such/state"), 1, "/no/such/state could not be")
        with tempfile.TemporaryDirectory() as folder:
            scenario = pathlib.Path(folder, "scenario.json")
            for text, sentence in (('{"steps": [{"do": "drop"}, {"do": "dorp"}]}', 'Step 2: There is no fault "dorp".'),
                                   ('{\n"steps": [}', "Line 2, column ")):
                scenario.write_text(text)
                self.check(run("emulate", "--scenario", scenario), 2, f"{scenario}: {sentence}")

    def test_scenario_and_ledger(self):
        with tempfile.TemporaryDirectory() as folder:
            scenario, ledger = pathlib.Path(folder, "scenario.json"), pathlib.Path(folder, "ledger")
            scenario.write_text(json.dumps({"answers": [{"say": "Good day."}], "steps": [{"do": "duplicate"}]}))
            with emulator("--scenario", scenario, "--ledger", ledger) as service:
                self.assertIn("Good day.", self.check(run("chat", "Hello", env=service.env), 0).stdout)
            took = [record for record in map(json.loads, ledger.read_text().splitlines()) if record["event"] == "took"]
            self.assertEqual([(record["position"], record["text"]) for record in took], [(1, "Hello")])

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = run("emulate", "--port", taken.getsockname()[1], timeout=10)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("in use", done.stderr)

    def test_tells_where_it_is(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with tempfile.TemporaryDirectory() as folder:
                ca = pathlib.Path(folder, "ca.pem")
                with subprocess.Popen([COMMAND, "emulate", "--ca-out", ca], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=CLEAN) as p:
                    first = p.stderr.readline().decode()
                    self.assertRegex(first, r"^Listening on https://127\.0\.0\.1:\d+;")
                    p.send_signal(number)
                    self.assertEqual(p.wait(10), 0)
                    told = p.stderr.read().decode()
                    self.assertIn("export GOOGLE_GEMINI_BASE_URL=https://127.0.0.1:", told)
                    self.assertIn(f"SSL_CERT_FILE={ca}", told)
                    self.assertEqual(p.stdout.read(), b"")

    def test_others_verify_its_certificate(self):
        with emulator() as service:
            context = ssl.create_default_context(cafile=service.ca)
            with socket.create_connection(("127.0.0.1", service.port)) as tcp:
                with context.wrap_socket(tcp, server_hostname="127.0.0.1") as tls:
                    self.assertIn(tls.version(), ("TLSv1.2", "TLSv1.3"))

    def test_keeps_its_certificate(self):
        """A client that trusts the first run's authority trusts the next, which was not told of any end."""
        with tempfile.TemporaryDirectory() as folder:
            kept, first = pathlib.Path(folder, "emulator.pem"), pathlib.Path(folder, "first.pem")
            with emulator("--cert", kept) as service:
                first.write_bytes(pathlib.Path(service.ca).read_bytes())
                service.process.kill()
            self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
            with emulator("--cert", kept) as service:
                self.check(run("chat", "Hello", "--ca", first, env={**service.env, "SSL_CERT_FILE": "/dev/null"}), 0)
            with emulator() as service:
                self.check(run("chat", "Hello", "--ca", first, env={**service.env, "SSL_CERT_FILE": "/dev/null"}), 3, "certificate")
            kept.write_text(kept.read_text().replace("PRIVATE KEY", "SOMETHING"))
            self.check(run("emulate", "--cert", kept), 3, ["The certificate in", "no private key"])

    def test_plain(self):
        with emulator("--plain") as service:
            self.assertEqual(urllib.parse.urlsplit(service.url).scheme, "http")
            self.check(run("chat", "Hello", "--base-url", service.url, env={"GEMINI_API_KEY": "any"}), 0)

    def test_key_file(self):
        with tempfile.TemporaryDirectory() as folder:
            key = pathlib.Path(folder, "key")
            key.write_text("right\n")
            with emulator("--key-file", key) as service:
                self.check(run("chat", "Hello", env={**service.env, "GEMINI_API_KEY": "right"}), 0)
                self.check(run("chat", "Hello", env={**service.env, "GEMINI_API_KEY": "wrong"}), 4)

    def test_many_sessions_at_once(self):
        with emulator("--fast") as service:
            processes = [subprocess.Popen([COMMAND, "chat", f"Number {i}"], env={**CLEAN, **service.env},
                                          stdout=subprocess.PIPE) for i in range(20)]
            for i, p in enumerate(processes):
                out, _ = p.communicate(timeout=60)
                self.assertEqual(p.returncode, 0)
                self.assertIn(str(i), out.decode())

    def test_replays_a_recording(self):
        folder = first_existing(PROJECT / "tests" / "recordings", SHARED / "recordings")
        if folder is None:
            self.skipTest("the recordings are missing")
        path = folder / "live_ML_Dev_should_send_text_in_async_session.websocket.log"
        self.assertTrue(path.exists())
        with emulator("--replay", path) as service:
            done = run("chat", "something else", env=service.env)
            self.assertNotEqual(done.returncode, 0)  # it says what differed
            self.assertGreater(len(done.stderr), 20)


if __name__ == "__main__":
    unittest.main()
