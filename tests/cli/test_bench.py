"""`bench`: whom it loads, what it counts, how it ends. Nothing here depends on how fast the machine is."""
import json
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import unittest

from command import CLEAN, Case, COMMAND, emulator, json_lines, run

KEY = {"GEMINI_API_KEY": "any"}


def figures(done):
    return {line["event"]: line for line in json_lines(done.stdout)}


class Bench(Case):
    def test_wrong_options(self):
        self.check(run("bench", "--sessions", "0"), 2, "--sessions must be between 1 and 1000000, not 0.")
        self.check(run("bench", "--rate", "-1"), 2, "--rate must be between 0 and")
        self.check(run("bench", "--size", "1"), 2, "--size must be between 2 and")
        self.check(run("bench", "--duration", "0"), 2, "--duration must be between")
        self.check(run("bench", "more"), 2, '"more" is one argument too many.')
        self.check(run("bench", "--base-url", "nonsense"), 2, "does not start with https://")
        self.check(run("bench", "--emulator", "--base-url", "http://127.0.0.1:9"), 2, "leave out --base-url")

    def test_loads_this_machine_alone(self):
        for url in ("https://example.com", "https://10.0.0.1:8443", "https://[2001:db8::1]", "wss://localhost.example.com",
                    "https://127.0.0.1.example.com", "https://generativelanguage.googleapis.com"):
            done = self.check(run("bench", "--base-url", url, env=KEY), 2, "add --i-own-this-server.")
            self.assertEqual(done.stdout, "")
        self.check(run("bench", "--base-url", "https://127.0.0.1:9", "--proxy", "http://192.0.2.1:1", env=KEY), 2,
                   "behind a proxy 127.0.0.1 is the proxy's machine")

    def test_the_environment_chooses_no_server(self):
        done = self.check(run("bench", "-n", 1, "--rate", 0, "--duration", "0.05", "--json",
                              env={**KEY, "GOOGLE_GEMINI_BASE_URL": "https://192.0.2.1:9"}), 0)
        self.assertRegex(figures(done)["opened"]["server"], r"^https://127\.0\.0\.1:\d+, an emulator")

    def test_an_owner_may(self):
        done = run("bench", "--sessions", "1", "--base-url", "https://192.0.2.1:9", "--i-own-this-server", "--timeout", "0.2",
                   env=KEY)
        self.assertIn(done.returncode, (3, 5))
        self.assertIn("1 of 1 sessions could not be opened", done.stderr)

    def test_a_small_run(self):
        done = self.check(run("bench", "--sessions", "5", "--rate", "50", "--turn", "0.2", "--duration", "3", "--json"), 0)
        opened, summary = figures(done)["opened"], figures(done)["summary"]
        self.assertEqual((opened["sessions"], opened["opened"], opened["failed"]), (5, 5, 0))
        self.assertGreater(opened["setupMs"]["p50"], 0)
        self.assertGreater(summary["sentMessages"], 0)
        self.assertEqual(summary["sentBytes"] % 1280, 0)
        self.assertGreater(summary["receivedMessages"], 0)
        self.assertGreater(summary["audioBytes"], 0)
        self.assertGreaterEqual(summary["asked"], summary["answers"])
        self.assertGreater(summary["answers"], 0)
        self.assertGreater(summary["answerMs"]["max"], 0)
        self.assertEqual((summary["reconnects"], summary["ended"], summary["invalid"]), (0, 0, 0))
        self.assertGreater(summary["memoryOpen"], 0)
        self.assertGreaterEqual(summary["descriptors"], 5 + 3)
        for name in ("setupMs", "behindMs", "answerMs"):
            p = {**opened, **summary}[name]
            self.assertTrue(p["p50"] <= p["p90"] <= p["p99"] <= p["max"], p)

    def test_the_table(self):
        done = self.check(run("bench", "--sessions", "3", "--duration", "0.5", "--ramp", "0.2"), 0)
        for word in ("server", "3 opened, 0 failed", "start to setupComplete", "messages", "CPU", "memory", "descriptors"):
            self.assertIn(word, done.stdout)
        self.assertEqual(done.stderr, "")

    def test_idle_sessions(self):
        done = self.check(run("bench", "--sessions", "4", "--rate", "0", "--duration", "0.1", "--json"), 0)
        summary = figures(done)["summary"]
        self.assertEqual((summary["sentMessages"], summary["asked"]), (0, 0))

    def test_a_server_of_ones_own(self):
        with emulator("--plain", "--fast") as service:
            done = self.check(run("bench", "--sessions", "2", "--duration", "0.3", "--json", "--base-url", service.url, env=KEY), 0)
            self.assertEqual(figures(done)["opened"]["server"], service.url)

    def test_lost_connections_are_counted(self):
        with emulator("--plain", "--fault", "drop phase=turn connection=1") as service:
            done = run("bench", "--sessions", "1", "--rate", "50", "--turn", "0.1", "--duration", "3", "--json", "--base-url",
                       service.url, env=KEY)
            self.check(done, 0)
            self.assertEqual(figures(done)["summary"]["reconnects"], 1)

    def test_nothing_there(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        done = self.check(run("bench", "--sessions", "100", "--base-url", f"http://127.0.0.1:{port}", "--json", env=KEY), 3,
                          "sessions could not be opened, 0 ended before they should")
        self.assertEqual(figures(done)["opened"]["opened"], 0)
        self.assertEqual(figures(done)["error"]["status"], "GENAI_ERROR_CONNECT")

    def test_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            key = pathlib.Path(folder, "key")
            key.write_text("right\n")
            with emulator("--plain", "--key-file", key) as service:
                self.check(run("bench", "--sessions", "2", "--base-url", service.url, env=KEY), 4, "2 of 2 sessions could not be opened")

    def limited(self, sessions, soft, hard):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return subprocess.run([COMMAND, "bench", "--sessions", str(sessions), "--rate", "0", "--duration", "0.1"], env=CLEAN,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, preexec_fn=limit)

    def test_open_files(self):
        done = self.limited(300, 256, 512)  # raised by itself
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("300 opened, 0 failed", done.stdout)
        done = self.limited(500, 256, 512)
        self.assertEqual(done.returncode, 2)
        self.assertIn("500 sessions need 600 open files, and this process may have 512 (ulimit -Hn). Ask for at most 412", done.stderr)

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen([COMMAND, "bench", "--sessions", "3", "--duration", "600", "--json"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=CLEAN) as p:
                self.assertEqual(json.loads(p.stdout.readline())["event"], "opened")
                p.send_signal(number)
                out, _ = p.communicate(timeout=60)
                self.assertEqual(p.returncode, 130)
                self.assertEqual(json.loads(out.splitlines()[-1])["event"], "summary")


if __name__ == "__main__":
    unittest.main()
