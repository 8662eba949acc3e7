"""A spoken conversation with three goAways and two deaths of the service in its middle ends whole: each answer once, each word once."""
import array
import pathlib
import tempfile
import threading
import time
import unittest

from outage import Case, Emulator, Run, VERTEX, likeness, loud, pcm_file, read_wav, skip, speech, transcript

HEARD = "Hello, are you there?"
PAUSE_S = 8.5  # an answer that begins again some seconds late is not talked over
SPEECH = speech()


class Conversation:
    """One `talk` of three utterances, with its own emulator behind TLS."""

    def __init__(self, folder, backend, disturbed):
        self.folder, self.backend, self.disturbed = pathlib.Path(folder), backend, disturbed
        self.folder.mkdir()
        self.cycle = len(SPEECH) / 16000 + PAUSE_S
        sound = array.array("h", (list(SPEECH) + [0] * int(PAUSE_S * 16000)) * 3)
        self.sound, self.reply = pcm_file(self.folder / "speech.pcm", sound), self.folder / "reply.wav"
        self.config = self.folder / "config.json"  # "Hello," and what follows are one utterance
        self.config.write_text('{"realtimeInputConfig":{"automaticActivityDetection":{"silenceDurationMs":800}}}')
        self.failure = None

    def run(self):
        emulator = Emulator(self.folder, "--transcript", HEARD, plain=False)
        try:
            emulator.start(*(["--fault", "goAway connection=1 messages=20 lead=2s"] if self.disturbed else []))
            self.talk = Run("talk", "--in", self.sound, "--rate", 16000, "--out", self.reply, "--base-url", emulator.url, "--ca", emulator.ca,
                            "--config", self.config, *self.who())
            try:
                if self.disturbed:
                    self.disturb(emulator)
                self.status = self.talk.end(60)
            finally:
                self.talk.stop()
        except Exception as e:  # told by the test
            self.failure = e
        finally:
            emulator.stop()

    def who(self):
        if self.backend == "gemini":
            return ["--backend", "gemini"]
        token = self.folder / "token"
        token.write_text("any")
        return [*VERTEX, "--access-token-file", token]

    def disturb(self, emulator):
        """The first goAway comes during speech. Then: death during speech, goAway in the answer and at a safe point, death in an answer."""
        self.talk.until("open")
        opened = time.monotonic()
        time.sleep(self.cycle + 1.0)
        emulator.kill()
        time.sleep(0.1)
        emulator.start("--fault", "goAway connection=1 phase=turn after=500ms lead=2500ms",
                       "--fault", "goAway connection=2 phase=idle after=300ms lead=3s")
        time.sleep(max(0, opened + 2 * self.cycle - time.monotonic()))
        self.talk.until("firstAudio", count=3)
        time.sleep(0.7)
        emulator.kill()
        time.sleep(0.1)
        emulator.start()


class Speech(Case):
    def check_whole(self, calm, torn):
        for c in (calm, torn):
            self.assertIsNone(c.failure, c.failure)
            self.assertEqual(c.status, 0, c.talk.told() + c.talk.stderr)
        told = torn.talk.told() + torn.talk.stderr
        self.assertEqual(transcript(calm.talk.events), [(HEARD, HEARD)] * 3, calm.talk.told())
        self.assertEqual(transcript(torn.talk.events), [(HEARD, HEARD)] * 3, told)
        self.assertEqual(len(torn.talk.named("goAway")), 3, told)
        self.assertGreaterEqual(len(torn.talk.named("resumed")), 5, told)
        self.assertGreaterEqual(len(torn.talk.named("answerAgain")), 1, told)
        if torn.backend == "vertex":  # elsewhere silence of ten seconds ago is not said again
            self.assertEqual(sum(e["lost"] for e in torn.talk.named("resumed")), 0, told)
        sounds = [read_wav(c.reply)[2] for c in (calm, torn)]
        seconds = [len(s) / 24000 for s in sounds]
        spoken = [loud(s) for s in sounds]
        alike = likeness(*spoken)
        print(f"{torn.backend}: the reply has {seconds[1]:.2f} s, undisturbed {seconds[0]:.2f} s; likeness {alike:.2f}; {told}")
        self.assertAlmostEqual(seconds[1], seconds[0], delta=1.5, msg=told)
        self.assertAlmostEqual(len(spoken[1]), len(spoken[0]), delta=20, msg=told)
        self.assertGreater(alike, 0.8, told)

    def test_three_goaways_and_two_crashes(self):
        with tempfile.TemporaryDirectory() as folder:
            all_of_them = [Conversation(pathlib.Path(folder) / f"{backend}-{disturbed}", backend, disturbed)
                           for backend in ("gemini", "vertex") for disturbed in (False, True)]
            threads = [threading.Thread(target=c.run) for c in all_of_them]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            for i in (0, 2):
                with self.subTest(backend=all_of_them[i].backend):
                    self.check_whole(all_of_them[i], all_of_them[i + 1])


if __name__ == "__main__":
    if SPEECH is None:
        skip("the real speech of ../shared/audio is missing.")
    unittest.main()
