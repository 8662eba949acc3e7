"""`music` end to end against the emulator: files, weights, config, filtered prompts, the clock, Ctrl-C."""
import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from command import CLEAN, Case, COMMAND, emulator, json_lines, run
from sound import read_wav, rms

SECOND = 48000 * 2 * 2


class Music(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "song.wav"

    def music(self, *arguments, fast=True, **more):
        return run("music", "--emulator", *(["--fast"] if fast else []), *arguments, **more)

    def song(self, *arguments):
        self.check(self.music("--seconds", "3", "--out", self.out, *arguments), 0)
        return self.out.read_bytes()

    def test_wav(self):
        done = self.check(self.music("minimal techno:1", "piano:0.3", "--seconds", "5.5", "--out", self.out), 0)
        rate, channels, samples = read_wav(self.out)
        self.assertEqual((rate, channels, len(samples)), (48000, 2, int(5.5 * 48000) * 2))
        self.assertGreater(rms(samples), 300)
        self.assertEqual(done.stdout, "")
        for text in ("play to first music", "5.50 s, 48000 Hz, 2 channels", "messages received", "2, 0 filtered"):
            self.assertIn(text, done.stderr)

    def test_options_are_heard(self):
        song = self.song("jazz")
        self.assertEqual(song, self.song("jazz:1"))
        self.assertEqual(song, self.song("jazz:7"))  # alone, its weight makes no difference
        for arguments in (["piano"], ["jazz", "piano"], ["jazz", "--bpm", "61"], ["jazz", "--scale", "B_MAJOR_A_FLAT_MINOR"],
                          ["jazz", "--density", "1"], ["jazz", "--brightness=0.9"], ["jazz", "--guidance", "0"],
                          ["jazz", "--temperature", "0"], ["jazz", "--seed", "5"], ["jazz", "--mute-bass"],
                          ["jazz", "--mute-drums"], ["jazz", "--only-bass-and-drums"]):
            self.assertNotEqual(song, self.song(*arguments), arguments)
        self.assertNotEqual(self.song("jazz:3", "piano:1"), self.song("jazz:1", "piano:3"))

    def test_colons(self):
        done = self.check(self.music("a: b", "12:30:2", "--json", "--seconds", "1"), 0)
        self.assertEqual(json_lines(done.stdout)[-1]["event"], "summary")

    def test_raw_pipe(self):
        done = subprocess.run([COMMAND, "music", "-e", "--fast", "jazz", "-s", "2.5", "-o", "-", "--out-format", "raw", "--json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, env=CLEAN)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout), 2.5 * SECOND)
        events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
        self.assertEqual(events, ["open", "firstAudio", "summary"])

    def test_filtered(self):
        done = self.check(self.music("a forbidden song", "jazz", "--json", "--seconds", "1"), 0)
        lines = json_lines(done.stdout)
        filtered = next(line for line in lines if line["event"] == "filteredPrompt")
        self.assertEqual(filtered["text"], "a forbidden song")
        self.assertEqual(lines[-1]["filtered"], 1)
        self.assertEqual(lines[-1]["bytes"], SECOND)

    def test_all_filtered(self):
        done = self.check(self.music("forbidden", "--timeout", "0.5", "--out", self.out), 5, "Prompts were filtered")
        self.assertIn("[filtered: forbidden", done.stderr)
        self.assertFalse(self.out.exists())

    def test_pace(self):
        start = time.monotonic()
        self.check(self.music("jazz", "--seconds", "3", fast=False), 0)
        self.assertTrue(1.9 < time.monotonic() - start < 10)  # two seconds come at once, the third when they were heard

    def test_interrupted(self):
        process = subprocess.Popen([COMMAND, "music", "--emulator", "jazz", "--out", self.out, "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN)
        for line in process.stdout:
            if json.loads(line)["event"] == "firstAudio":
                break
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertGreaterEqual(len(read_wav(self.out)[2]), 2 * SECOND / 2)

    def test_wrong_options(self):
        self.check(run("music"), 2, "music needs PROMPT")
        self.check(self.music("jazz", "--bpm", "59"), 2, "--bpm must be between 60 and 200")
        self.check(self.music("jazz", "--density", "1.5"), 2, "--density must be between 0 and 1, not 1.5.")
        self.check(self.music("jazz", "--guidance", "much"), 2, '--guidance wants a number, not "much".')
        self.check(self.music("jazz:0"), 2, "weight 0")
        self.check(self.music(":1"), 2, "without a prompt")
        self.check(self.music("jazz", "--scale", "C"), 2, "C_MAJOR_A_MINOR")
        self.check(self.music("jazz", "--base-url", "https://localhost"), 2, "--emulator has its own address")
        self.check(run("music", "jazz"), 2, "There is no API key.")

    def test_no_file(self):
        self.check(self.music("jazz", "--out", self.folder / "no" / "where.wav"), 1, "could not be written")

    def test_refused(self):
        self.check(self.music("jazz", "--model", "other/model/name"), 4, "not found")

    def test_over_the_network(self):
        with emulator("--fast") as service:
            self.check(run("music", "jazz", "--seconds", "1", "--out", self.out, env=service.env), 0)
        self.assertEqual(len(read_wav(self.out)[2]), 48000 * 2)


if __name__ == "__main__":
    unittest.main()
