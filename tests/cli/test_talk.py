"""`talk` end to end against the emulator: sounds in every shape, transcripts, the table, a full disk, Ctrl-C."""
import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from command import CLEAN, Case, COMMAND, emulator, json_lines, run
from sound import pcm, read_wav, rms, silence, tone, write_wav

SPEECH = silence(0.2) + tone(1.0) + silence(1.2)


class Talk(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "reply.wav"
        self.wav = write_wav(self.folder / "speech.wav", SPEECH)

    def talk(self, *arguments, fast=True, **more):
        return run("talk", "--emulator", *(["--fast"] if fast else []), *arguments, **more)

    def check_reply(self, path=None, least=0.8, most=2.0):
        rate, channels, samples = read_wav(path or self.out)
        self.assertEqual((rate, channels), (24000, 1))
        self.assertGreater(len(samples), least * 24000)
        self.assertLess(len(samples), most * 24000)
        self.assertGreater(rms(samples), 1000)

    def test_wav(self):
        done = self.check(self.talk("--in", self.wav, "--out", self.out), 0)
        self.check_reply()
        self.assertEqual(done.stdout, "")
        for text in ("you: ", "model: ", "speech end to first audio", "audio received", "tokens"):
            self.assertIn(text, done.stderr)

    def test_other_shapes(self):
        for rate, channels in ((8000, 1), (44100, 2), (48000, 6)):
            with self.subTest(rate=rate, channels=channels):
                samples = silence(0.2, rate) + tone(1.0, rate) + silence(1.2, rate)
                path = write_wav(self.folder / "other.wav", samples, rate, channels)
                self.check(self.talk("--in", path, "--out", self.out), 0)
                self.check_reply()

    def test_raw_pipes(self):
        process = subprocess.run([COMMAND, "talk", "-e", "--fast", "--in", "-", "--rate", "16000", "--out", "-",
                                  "--out-format", "raw"], input=pcm(SPEECH), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=60, env=CLEAN)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertGreater(len(process.stdout), 0.8 * 48000)
        self.assertEqual(len(process.stdout) % 2, 0)
        self.assertNotEqual(process.stdout[:4], b"RIFF")

    def test_wav_through_pipes(self):
        with open(self.wav, "rb") as sound, open(self.out, "wb") as reply:
            done = subprocess.run([COMMAND, "talk", "-e", "--fast", "-i", "-", "-o", "-"], stdin=sound, stdout=reply,
                                  stderr=subprocess.PIPE, timeout=60, env=CLEAN)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.out.read_bytes()[:4], b"RIFF")
        self.assertGreater(self.out.stat().st_size, 0.8 * 48000)

    def test_raw_by_name(self):
        raw = self.folder / "reply.pcm"
        self.check(self.talk("--in", self.wav, "--out", raw), 0)
        self.assertNotEqual(raw.read_bytes()[:4], b"RIFF")

    def test_real_time(self):
        start = time.monotonic()
        done = self.check(self.talk("--in", self.wav, "--out", self.out, "--json", fast=False), 0)
        self.assertGreater(time.monotonic() - start, 1.2)  # the tone and enough silence to end it
        lines = json_lines(done.stdout)
        first = next(line for line in lines if line["event"] == "firstAudio")
        # The emulator's ear waits for silence before it answers; nothing here takes a second more.
        self.assertTrue(100 < first["latencyMs"] < 2500, first)

    def test_json(self):
        done = self.check(self.talk("--in", self.wav, "--out", self.out, "--json"), 0)
        lines = json_lines(done.stdout)
        events = [line["event"] for line in lines]
        for name in ("open", "outputTranscription", "firstAudio", "generationComplete", "turnComplete", "usage", "summary"):
            self.assertIn(name, events)
        self.assertEqual(events[0], "open")
        self.assertEqual(events[-1], "summary")
        self.assertEqual([line["ms"] for line in lines], sorted(line["ms"] for line in lines))
        summary = lines[-1]
        self.assertAlmostEqual(summary["sentSeconds"], len(SPEECH) / 16000, 2)
        self.assertEqual(summary["receivedBytes"], 2 * len(read_wav(self.out)[2]))
        self.assertEqual(done.stderr, "")

    def test_json_beside_sound(self):
        process = subprocess.run([COMMAND, "talk", "-e", "--fast", "-i", self.wav, "-o", "-", "--json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, env=CLEAN)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(process.stdout[:4], b"RIFF")
        self.assertEqual(json_lines(process.stderr.decode())[-1]["event"], "summary")

    def test_manual_activity(self):
        config = self.folder / "config.json"
        config.write_text('{"realtimeInputConfig":{"automaticActivityDetection":{"disabled":true}}}')
        self.check(self.talk("--in", self.wav, "--out", self.out, "--config", config), 0)
        self.check_reply(most=3.0)

    def test_two_utterances_get_two_answers(self):
        path = write_wav(self.folder / "two.wav", (tone(0.6) + silence(2.5)) * 2)
        done = self.check(self.talk("--in", path, "--out", self.out, "--json", fast=False), 0)
        self.assertEqual(sum(line["event"] == "turnComplete" for line in json_lines(done.stdout)), 2)

    def test_silence_times_out(self):
        path = write_wav(self.folder / "silence.wav", silence(0.5))
        self.check(self.talk("--in", path, "--out", self.out, "--timeout", "1"), 5, "seems to hold no speech")
        self.assertEqual(len(read_wav(self.out)[2]), 0)

    def test_bad_sounds(self):
        empty = self.folder / "empty.wav"
        empty.write_bytes(b"")
        for path in ("/no/such/sound.wav", empty, self.folder):
            done = self.talk("--in", path, "--out", self.out)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(str(path), done.stderr)
            self.assertFalse(self.out.exists())
        self.check(run("talk"), 2, "--in FILE")
        self.check(run("talk", "--in", self.wav, "--chunk-ms", "0"), 2, "--chunk-ms must be between 5 and 1000, not 0.")
        self.check(run("talk", "--in", self.wav, "--chunk-ms", "4x"), 2, '--chunk-ms wants a number, not "4x".')

    def test_refused_config_leaves_the_file_alone(self):
        config = self.folder / "config.json"
        config.write_text('{"explicitVadSignal":true}')
        self.out.write_bytes(b"dear")
        self.check(self.talk("--in", self.wav, "--out", self.out, "--config", config), 2, "explicitVadSignal")
        self.assertEqual(self.out.read_bytes(), b"dear")

    def test_full_disk(self):
        done = self.check(self.talk("--in", self.wav, "--out", "/dev/full"), 1, "No space left on device")
        self.assertRegex(done.stderr, r"\d+\.\d\d s of sound were written to /dev/full")

    def test_disk_that_fills_up_leaves_a_whole_file(self):
        done = subprocess.run(["sh", "-c", f'ulimit -f 40; exec "{COMMAND}" talk -e --fast -i "{self.wav}" -o "{self.out}"'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, env=CLEAN)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"s of sound were written to", done.stderr)
        read_wav(self.out)

    def test_reader_of_the_reply_goes_away(self):
        path = write_wav(self.folder / "long.wav", tone(3))  # the reply is more than a pipe takes in
        with subprocess.Popen([COMMAND, "talk", "-e", "--fast", "-i", path, "-o", "-"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=CLEAN) as p:
            p.stdout.read(44)
            p.stdout.close()
            self.assertEqual(p.wait(30), -13)
            self.assertNotIn(b"genai-live:", p.stderr.read())

    def test_interrupt_finishes_the_file(self):
        path = write_wav(self.folder / "long.wav", tone(0.6) + silence(20))
        with subprocess.Popen([COMMAND, "talk", "-e", "-i", path, "-o", self.out], stderr=subprocess.PIPE, env=CLEAN) as p:
            time.sleep(2.5)
            p.send_signal(signal.SIGINT)
            self.assertEqual(p.wait(10), 130)
            self.assertIn(b"speech end to first audio", p.stderr.read())
        read_wav(self.out)

    def test_interrupt_while_standard_input_is_silent(self):
        temporary = self.folder / "tmp"
        temporary.mkdir()
        with subprocess.Popen([COMMAND, "talk", "-e", "-i", "-", "--rate", "16000", "-o", self.out], stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE, env={**CLEAN, "TMPDIR": str(temporary)}) as p:
            p.stdin.write(pcm(tone(0.5)))
            p.stdin.flush()
            time.sleep(1.5)
            p.send_signal(signal.SIGTERM)
            self.assertEqual(p.wait(10), 130)
            p.stdin.close()
        read_wav(self.out)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_a_service_elsewhere(self):
        with emulator("--fast") as service:
            done = run("talk", "--in", self.wav, "--out", self.out, "--fast", "--base-url", service.url, "--ca", service.ca,
                       env={"GEMINI_API_KEY": "any"})
            self.check(done, 0)
            self.check_reply()


if __name__ == "__main__":
    unittest.main()
