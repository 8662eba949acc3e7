"""`chat` end to end against the emulator: one shot, line by line, tools, sound out."""
import json
import os
import pathlib
import pty
import signal
import subprocess
import tempfile
import time
import unittest

from command import CLEAN, Case, COMMAND, emulator, json_lines, run
from sound import read_wav, rms

WEATHER = [{"name": "get_weather", "parameters": {"type": "OBJECT", "properties": {"location": {"type": "STRING"}},
                                                   "required": ["location"]}}]


class Chat(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def chat(self, *arguments, **more):
        return run("chat", "--emulator", *arguments, **more)

    def file(self, name, value):
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def test_one_shot(self):
        done = self.check(self.chat("Hello there"), 0)
        self.assertGreater(len(done.stdout.strip()), 0)
        self.assertTrue(done.stdout.endswith("\n"))
        self.assertEqual(done.stderr, "")

    def test_lines(self):
        one = self.check(self.chat("Hello"), 0).stdout
        done = self.check(self.chat(stdin="Hello\n\nHello"), 0)
        self.assertEqual(done.stdout.count("\n"), 2)
        self.assertTrue(done.stdout.startswith(one))
        self.assertNotIn(">", done.stderr)

    def test_no_lines(self):
        self.assertEqual(self.check(self.chat(stdin=""), 0).stdout, "")

    def test_json(self):
        lines = json_lines(self.check(self.chat("Hello", "--json"), 0).stdout)
        events = [line["event"] for line in lines]
        self.assertEqual(events[0], "open")
        self.assertIn("turnComplete", events)
        words = "".join(line["text"] for line in lines if line["event"] == "outputTranscription")
        self.assertEqual(words, self.chat("Hello").stdout.rstrip("\n"))
        self.assertGreater(len(words), 0)
        lines = json_lines(self.check(self.chat("Hello", "--json", "--text"), 0).stdout)
        self.assertEqual("".join(line["text"] for line in lines if line["event"] == "text"), words)

    def test_text_beside_sound_is_a_contradiction(self):
        self.check(self.chat("Hello", "--text", "--audio-out", self.folder / "reply.wav"), 2, "--audio-out")

    def test_tool_call(self):
        for declarations in (WEATHER, {"functionDeclarations": WEATHER}, WEATHER):
            path = self.file("tools.json", declarations)
            done = self.check(self.chat("Please get weather in Paris", "--declare", path, "--tool-result",
                                        'get_weather={"temperature":21}'), 0)
            self.assertIn('[call get_weather({"location":', done.stderr)
            self.assertIn('= {"temperature":21}]', done.stderr)
            self.assertGreater(len(done.stdout), 1)

    def test_tool_call_as_json(self):
        done = self.check(self.chat("Please get weather in Paris", "--json", "--declare", self.file("t.json", WEATHER),
                                    "--tool-result", "get_weather=21"), 0)
        lines = json_lines(done.stdout)
        call = next(line for line in lines if line["event"] == "toolCall")
        self.assertEqual(call["name"], "get_weather")
        self.assertIsInstance(call["args"]["location"], str)
        response = next(line for line in lines if line["event"] == "toolResponse")
        self.assertEqual((response["id"], response["response"]), (call["id"], {"output": 21}))

    def test_tool_without_result_is_answered_with_an_error(self):
        done = self.check(self.chat("Please get weather in Paris", "--declare", self.file("t.json", WEATHER)), 0)
        self.assertIn('"error"', done.stderr)

    def test_bad_tools(self):
        self.check(self.chat("x", "--tool-result", "get_weather"), 2, "wants NAME=JSON")
        self.check(self.chat("x", "--tool-result", "get_weather=warm"), 2, "is not JSON")
        self.check(self.chat("x", "--declare", self.file("t.json", '[{"nome":"f"}]')), 2, "nome")
        self.check(self.chat("x", "--declare", self.file("t.json", "")), 2)
        self.check(self.chat("x", "--declare", self.folder / "none"), 1, "No such file")

    def test_sound_out(self):
        out = self.folder / "reply.wav"
        done = self.check(self.chat("Hello", "--audio-out", out), 0)
        self.assertEqual(done.stdout, "")
        self.assertIn("model: ", done.stderr)
        rate, channels, samples = read_wav(out)
        self.assertEqual((rate, channels), (24000, 1))
        self.assertGreater(rms(samples), 100)

    def test_configuration(self):
        config = self.file("config.json", {"temperature": 0.5, "responseModalities": ["TEXT"]})
        self.check(self.chat("Hello", "--config", config, "--system", "Be brief.", "--voice", "Kore", "-m", "m1"), 0)
        self.check(self.chat("Hello", "--config", self.file("c.json", {"temprature": 1})), 2, "temprature")
        self.check(self.chat("Hello", "--base-url", "http://localhost"), 2, "leave out --base-url")

    def test_a_refused_setup_is_the_services_own_words(self):
        done = self.check(self.chat("Hello", "--setup-json", self.file("s.json", {"noSuchField": 1})), 4)
        self.assertIn("1007", done.stderr)
        self.assertIn("noSuchField", done.stderr)

    def test_interrupt_between_lines(self):
        with subprocess.Popen([COMMAND, "chat", "-e"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=CLEAN) as p:
            p.stdin.write(b"Hello\n")
            p.stdin.flush()
            self.assertGreater(len(p.stdout.readline()), 1)
            time.sleep(0.2)
            p.send_signal(signal.SIGINT)
            self.assertEqual(p.wait(10), 130)
            self.assertEqual(p.stderr.read(), b"")

    def test_prompt_on_a_terminal_only(self):
        try:
            controller, terminal = pty.openpty()
        except OSError as error: # a chroot without /dev/pts
            self.skipTest(f"skipped: {error}")
        with subprocess.Popen([COMMAND, "chat", "-e"], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=CLEAN) as p:
            os.close(terminal)
            os.write(controller, b"Hello\n")
            self.assertGreater(len(p.stdout.readline()), 1)
            os.write(controller, b"\x04")
            self.assertEqual(p.wait(10), 0)
            self.assertEqual(p.stderr.read(), b"> > \n")
        os.close(controller)

    def test_service_that_ends_between_lines(self):
        with emulator() as service:
            with subprocess.Popen([COMMAND, "chat", "--reconnect=none"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env={**CLEAN, **service.env}) as p:
                p.stdin.write(b"Hello\n")
                p.stdin.flush()
                self.assertGreater(len(p.stdout.readline()), 1)
                service.process.terminate()
                self.assertIn(p.wait(10), (0, 3, 4))
                self.assertGreater(len(p.stderr.read()), 10)


if __name__ == "__main__":
    unittest.main()
