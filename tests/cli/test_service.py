"""What the service may do and the emulator does not: talk and chat against a peer whose every word is in the test."""
import base64
import pathlib
import tempfile
import time
import unittest

from command import Case, json_lines, run
from fake import service
from sound import pcm, read_wav, rms, silence, tone, write_wav

ENV = {"GEMINI_API_KEY": "any"}


class Service(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "reply.wav"

    def chat(self, script, *arguments, **more):
        with service(script) as url:
            return run("chat", *arguments, "--reconnect=none", "--base-url", url, env=ENV, **more)

    def talk(self, script, *arguments, samples=tone(0.3)):
        path = write_wav(self.folder / "speech.wav", samples)
        with service(script) as url:
            return run("talk", "--in", path, "--out", self.out, "--reconnect=none", "--base-url", url, *arguments, env=ENV)

    def test_setup_of_chat(self):
        def script(fake):
            self.assertEqual(fake.setup, {
                "model": "models/m1", "outputAudioTranscription": {},
                "generationConfig": {"responseModalities": ["AUDIO"], "temperature": 0.5,
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}},
                "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
                "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}], "extra": 1})
            turn = fake.receive()["clientContent"]
            self.assertEqual(turn, {"turns": [{"role": "user", "parts": [{"text": "Hi"}]}], "turnComplete": True})
            fake.text("ok")
            fake.complete()

        config, tools, extra = (self.folder / name for name in ("config.json", "tools.json", "extra.json"))
        config.write_text('{"temperature":0.5,"tools":[{"googleSearch":{}}]}')
        tools.write_text('[{"name":"f"}]')
        extra.write_text('{"extra":1}')
        self.check(self.chat(script, "Hi", "-m", "m1", "-c", config, "--voice=Kore", "-s", "Be brief.", "--declare", tools,
                             "--setup-json", extra), 0)

    def test_text_is_asked_for(self):
        def script(fake):
            self.assertEqual(fake.setup, {"model": "models/m1", "generationConfig": {"responseModalities": ["TEXT"]}})
            fake.receive()
            fake.text("ok")
            fake.complete()

        self.assertEqual(self.check(self.chat(script, "Hi", "-m", "m1", "--text"), 0).stdout, "ok\n")

    def test_spoken_words_stream(self):
        def script(fake):
            fake.receive()
            fake.audio(pcm(tone(0.1, 24000)))
            fake.content(outputTranscription={"text": "One "})
            fake.text("and ")
            fake.content(outputTranscription={"text": "two."})
            fake.complete()

        done = self.check(self.chat(script, "Hi"), 0)
        self.assertEqual((done.stdout, done.stderr), ("One and two.\n", ""))

    def test_words_after_the_turn(self):
        def script(fake, words="late."):
            fake.receive()
            fake.audio(pcm(tone(0.1, 24000)))
            fake.complete()
            time.sleep(0.2)
            if words:
                fake.content(outputTranscription={"text": words})

        self.assertEqual(self.check(self.chat(script, "Hi"), 0).stdout, "late.\n")
        self.assertEqual(self.check(self.chat(lambda fake: script(fake, None), "Hi"), 0).stdout, "\n")

    def test_setup_of_talk(self):
        def script(fake):
            self.assertEqual(fake.setup["generationConfig"], {"responseModalities": ["AUDIO"]})
            self.assertEqual((fake.setup["inputAudioTranscription"], fake.setup["outputAudioTranscription"]), ({}, {}))
            sent = 0
            while True:
                message = fake.until("audio", "audioStreamEnd")["realtimeInput"]
                if message == {"audioStreamEnd": True}:
                    break
                self.assertEqual(message["audio"]["mimeType"], "audio/pcm;rate=16000")
                sent += len(base64.b64decode(message["audio"]["data"]))
            self.assertEqual(sent // 2, 4800)
            fake.audio(pcm(tone(0.5, 24000)))
            fake.complete()

        self.check(self.talk(script, "--fast", "--chunk-ms", "20"), 0)
        self.assertEqual(len(read_wav(self.out)[2]), 12000)

    def test_text_streams_without_thoughts(self):
        def script(fake):
            fake.receive()
            fake.text("hm", thought=True)
            fake.text("One ")
            fake.text("two.")
            fake.complete()

        done = self.check(self.chat(script, "Hi"), 0)
        self.assertEqual((done.stdout, done.stderr), ("One two.\n", ""))

    def test_sound_at_other_rates_is_resampled(self):
        for rate in (8000, 16000, 48000):
            def script(fake, rate=rate):
                fake.until("audioStreamEnd")
                for start in range(10):
                    fake.audio(pcm(tone(1, rate)[start * rate // 10:(start + 1) * rate // 10]), f"audio/pcm;rate={rate}")
                fake.complete()

            done = self.check(self.talk(script, "--fast", "--json"), 0)
            out_rate, _, samples = read_wav(self.out)
            self.assertEqual(out_rate, 24000)
            self.assertAlmostEqual(len(samples), 24000, delta=24000 * 0.02)
            self.assertAlmostEqual(rms(samples), 32767 * 0.4 / 2 ** 0.5, delta=300)
            self.assertAlmostEqual(json_lines(done.stdout)[-1]["receivedSeconds"], 1, 2)

    def test_usage_is_summed_and_latencies_are_told(self):
        def script(fake):
            fake.until("audioStreamEnd")
            time.sleep(0.2)
            fake.audio(pcm(tone(0.1, 24000)))
            fake.complete(usageMetadata={"promptTokenCount": 3, "responseTokenCount": 4, "totalTokenCount": 7})

        done = self.check(self.talk(script, "--fast", "--json"), 0)
        summary = json_lines(done.stdout)[-1]
        self.assertEqual((summary["promptTokens"], summary["responseTokens"], summary["totalTokens"]), (3, 4, 7))
        self.assertEqual(len(summary["firstAudioMs"]), 1)
        self.assertTrue(190 <= summary["firstAudioMs"][0] < 2000)

    def test_an_interrupted_turn_is_no_answer(self):
        def script(fake):
            fake.until("audio")
            fake.audio(pcm(tone(0.1, 24000)))
            fake.content(interrupted=True)
            fake.complete()
            fake.until("audioStreamEnd")
            time.sleep(0.3)
            fake.audio(pcm(tone(0.2, 24000)))
            fake.complete()

        done = self.check(self.talk(script), 0, ["[interrupted]", "2, 1 interrupted"])
        self.assertEqual(len(read_wav(self.out)[2]), 7200)
        self.assertIn("audio received             0.30 s", done.stderr)

    def test_a_late_transcript_begins_no_turn(self):
        def script(fake):
            fake.until("audioStreamEnd")
            fake.audio(pcm(tone(0.2, 24000)))
            fake.send({"serverContent": {"turnComplete": True}}, {"serverContent": {"outputTranscription": {"text": "late"}}})

        start = time.monotonic()
        self.check(self.talk(script, "--fast"), 0)
        self.assertLess(time.monotonic() - start, 4)

    def test_noise_after_an_answer(self):
        """A sound that ends in noise nobody answers: the answer before it is enough, after a while."""
        def script(fake):
            fake.until("audio")
            fake.audio(pcm(tone(0.2, 24000)))
            fake.complete()

        self.check(self.talk(script, "--timeout", "1", samples=tone(0.5)), 0)

    def test_going_away_is_told(self):
        def script(fake):
            fake.receive()
            fake.send({"goAway": {"timeLeft": "9.5s"}})
            fake.text("ok")
            fake.complete()

        lines = json_lines(self.check(self.chat(script, "Hi", "--json"), 0).stdout)
        self.assertEqual(next(line for line in lines if line["event"] == "goAway")["timeLeftMs"], 9500)

    def test_a_bad_message_is_told_and_the_rest_goes_on(self):
        def script(fake):
            fake.receive()
            fake.send(b"", b"{", {"unknown": 1})
            fake.text("ok")
            fake.complete()

        done = self.check(self.chat(script, "Hi"), 0)
        self.assertEqual(done.stdout, "ok\n")
        self.assertEqual(done.stderr.count("genai-live: "), 2)

    def test_calls_of_one_message_are_answered_in_one(self):
        def script(fake):
            fake.receive()
            fake.send({"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"x": 1}}, {"id": "2", "name": "g"}]}})
            responses = fake.receive()["toolResponse"]["functionResponses"]
            self.assertEqual([(r["id"], r["name"]) for r in responses], [("1", "f"), ("2", "g")])
            self.assertEqual(responses[0]["response"], {"output": "warm"})
            self.assertIn("error", responses[1]["response"])
            fake.text("ok")
            fake.complete()

        done = self.check(self.chat(script, "Hi", "--tool-result", 'f="warm"'), 0)
        self.assertIn('[call f({"x":1}) = {"output":"warm"}]', done.stderr)
        self.assertIn("[call g({}) = ", done.stderr)

    def test_closes(self):
        for code, status in ((1011, 4), (1008, 4), (1007, 4)):
            def script(fake, code=code):
                fake.receive()
                fake.text("half")
                fake.close(code, "Some reason.")

            done = self.check(self.chat(script, "Hi"), status, [str(code), "Some reason."])
            self.assertEqual(done.stdout.strip(), "half")

    def test_a_graceful_close_before_the_answer(self):
        def script(fake):
            fake.receive()
            fake.close(1000)

        self.check(self.chat(script, "Hi"), 4, "[the service closed the session]")

    def test_an_error_object(self):
        def script(fake):
            fake.receive()
            fake.send({"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}})
            fake.close(1011)

        done = self.chat(script, "Hi")
        self.check(done, 4, "Quota exceeded.")

    def test_a_connection_that_is_cut(self):
        def script(fake):
            fake.receive()
            fake.connection.close()
            fake.stream.close()

        self.check(self.chat(script, "Hi"), 3)

    def test_an_answer_that_stops(self):
        def script(fake):
            fake.receive()
            fake.text("half")

        self.check(self.chat(script, "Hi", "--timeout", "0.5"), 5, "Nothing came for 0.5 s, and the answer is not complete.")

    def test_a_service_that_never_answers_speech(self):
        self.check(self.talk(lambda fake: None, "--fast", "--timeout", "0.5"), 5, "Nothing came for 0.5 s after the sound's end")
        self.assertEqual(len(read_wav(self.out)[2]), 0)

    def cut(self, before):
        """Two turns. Of the second's answer the first connection says `before` and dies; the next says it whole. The events."""
        sound = pcm(tone(0.2, 24000))

        def script(fake):
            if "handle" not in fake.setup["sessionResumption"]:
                fake.receive()
                fake.audio(sound)
                fake.send({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}})
                fake.complete()
                fake.content(outputTranscription={"text": "first"})
                fake.receive()
                before(fake)
                fake.connection.shutdown(2)
                return
            self.assertEqual(fake.receive()["clientContent"]["turns"][0]["parts"], [{"text": "two"}])
            fake.content(inputTranscription={"text": "two"})
            fake.content(outputTranscription={"text": "second"})
            fake.audio(sound)
            fake.complete()

        with service(script) as url:
            done = run("chat", "--json", "--audio-out", self.out, "--base-url", url, env=ENV, stdin="one\ntwo\n")
        events = json_lines(self.check(done, 0).stdout)
        self.assertEqual([e["replayed"] for e in events if e["event"] == "resumed"], [1])
        self.assertEqual(pcm(read_wav(self.out)[2]), sound * 2)  # each answer once, whatever was cut
        told = [e["event"] for e in events]
        return told[told.index("resumed") + 1:]

    def test_the_user_is_written_down_again(self):
        told = self.cut(lambda fake: fake.content(inputTranscription={"text": "two"}))
        self.assertEqual(told[:3], ["inputAgain", "inputTranscription", "outputTranscription"])
        self.assertNotIn("answerAgain", told)
        self.assertEqual(told.count("inputAgain"), 1)

    def test_an_answers_words_begin_again(self):
        def before(fake):
            fake.content(inputTranscription={"text": "two"})
            fake.content(outputTranscription={"text": "sec"})

        told = self.cut(before)
        self.assertEqual(told[:3], ["answerAgain", "inputTranscription", "outputTranscription"])
        self.assertNotIn("inputAgain", told)

    def test_an_answers_sound_begins_again(self):
        def before(fake):
            fake.content(inputTranscription={"text": "two"})
            fake.audio(pcm(tone(0.1, 24000)))

        told = self.cut(before)
        self.assertEqual(told[:3], ["answerAgain", "inputTranscription", "outputTranscription"])
        self.assertNotIn("inputAgain", told)

    def test_nothing_of_a_turn_was_told(self):
        told = self.cut(lambda fake: None)
        self.assertEqual(told[:2], ["inputTranscription", "outputTranscription"])
        self.assertFalse({"inputAgain", "answerAgain"} & set(told))

    def test_sound_of_half_samples(self):
        data = pcm(tone(0.2, 24000))

        def script(fake):
            fake.until("audioStreamEnd")
            fake.audio(data[:4801])
            fake.audio(data[4801:])
            fake.complete()

        self.check(self.talk(script, "--fast"), 0)
        self.assertEqual(pcm(read_wav(self.out)[2]), data)


if __name__ == "__main__":
    unittest.main()
