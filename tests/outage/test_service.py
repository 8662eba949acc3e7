"""Services that die, freeze or vanish; clocks that jump, disks that fill up, descriptors that run out: each ends in recovery or in its
sentence, by its deadline."""
import itertools
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from outage import Case, Emulator, LONG, Run, SCALE, pcm_file, read_wav, run, run_together
from sound import silence, tone

PATIENT = os.environ.get("GENAI_PATIENT", "patient")
NAMES = itertools.count()
FREEZE_S = 60 if LONG else 4


class Patient(Run):
    """tests/outage/patient.c: the library with its patience scaled down."""

    def __init__(self, url, keepalive=500, timeout=1000, budget=60000 + FREEZE_S * 1000, count=8, pause=300, prefix=()):
        super().__init__(url, keepalive, timeout, budget, count, pause, prefix=prefix, program=PATIENT)


class Service(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def emulator(self, *arguments, **more):
        e = Emulator(self.folder, *arguments, **more)
        self.addCleanup(e.stop)
        return e

    def started(self, run):
        self.addCleanup(run.stop)
        return run

    def sound(self, seconds):
        """Tones with pauses: an utterance every three seconds."""
        return pcm_file(self.folder / "in.pcm", (tone(0.8) + silence(2.2)) * (seconds // 3))

    def talk(self, emulator, seconds=9, out=None, more=(), **others):
        return self.started(Run("talk", "--in", self.sound(seconds), "--rate", 16000, "--out", out or self.folder / "reply.wav",
                                "--base-url", emulator.url, *more, **others))

    def ended(self, run, status, seconds, says=()):
        self.assertEqual(run.end(seconds), status, run.told() + run.stderr)
        text = run.stderr + "".join(str(e.get("message", e.get("text", ""))) for e in run.events)
        for sentence in [says] if isinstance(says, str) else says:
            self.assertIn(sentence, text)
        print(f"--- {self.id().split('.')[-1]}: {run.seconds:.1f} s, status {status}", run.told() + run.stderr)


class Killed(Service):
    def test_comes_back(self):
        e = self.emulator().start()
        talk = self.talk(e)
        talk.until("firstAudio")
        e.kill()
        time.sleep(1)
        e.start()
        self.ended(talk, 0, 30)
        self.assertTrue(talk.named("resumed"))
        self.assertGreaterEqual(len(talk.named("turnComplete")), 2)  # speech may fall into an answer that comes late
        read_wav(self.folder / "reply.wav")

    def test_never_comes_back(self):
        e = self.emulator().start()
        p = self.started(Patient(e.url, budget=4000))
        p.until("turnComplete")
        e.kill()
        self.ended(p, 3, 15, "connection refused")

    def test_interrupted_while_connecting_again(self):
        e = self.emulator().start()
        talk = self.talk(e, 3)
        talk.until("firstAudio")
        e.kill()
        talk.until("reconnecting", count=3)
        talk.process.send_signal(signal.SIGINT)
        self.ended(talk, 130, 10)
        read_wav(self.folder / "reply.wav")

    def test_command_gives_up(self):
        e = self.emulator().start()
        talk = self.talk(e, 3, more=["--timeout", 2])
        talk.until("firstAudio")
        e.kill()
        self.ended(talk, 5, 20, "The connection was lost, and for 2 s no other could be made")

    def test_none_ends_at_once(self):
        e = self.emulator().start()
        talk = self.talk(e, 6, more=["--reconnect", "none"])
        talk.until("firstAudio")
        e.kill()
        self.ended(talk, 3, 10)
        self.assertRegex(talk.stderr, "ended the connection without a WebSocket close|connection reset by peer")  # by what was unread


class Frozen(Service):
    def test_service_stops_for_a_while(self):
        """Its silence is noticed; what was asked is asked again, and the answer comes once it lives."""
        e = self.emulator().start()
        p = self.started(Patient(e.url))
        p.until("turnComplete")
        e.process.send_signal(signal.SIGSTOP)
        p.until("reconnecting", 10)
        time.sleep(FREEZE_S)
        e.process.send_signal(signal.SIGCONT)
        self.ended(p, 0, 60)
        self.assertEqual(len(p.named("turnComplete")), 8)
        self.assertTrue(p.named("resumed"))

    def test_service_stops_for_ever(self):
        e = self.emulator().start()
        p = self.started(Patient(e.url, budget=5000))
        p.until("turnComplete")
        e.process.send_signal(signal.SIGSTOP)
        self.ended(p, 3, 30, "Nothing at all came")

    def test_client_stops_for_a_while(self):
        e = self.emulator().start()
        talk = self.talk(e, 9)
        talk.until("firstAudio")
        talk.process.send_signal(signal.SIGSTOP)
        time.sleep(FREEZE_S)
        talk.process.send_signal(signal.SIGCONT)
        self.ended(talk, 0, 60)
        read_wav(self.folder / "reply.wav")

    def test_the_command_can_be_quick(self):
        e = self.emulator().start()
        talk = self.talk(e, 6, more=["--keepalive", "0.5", "--keepalive-timeout", "1"])
        talk.until("firstAudio")
        e.process.send_signal(signal.SIGSTOP)
        told = talk.until("reconnecting", 15)
        e.process.send_signal(signal.SIGCONT)
        self.ended(talk, 0, 60)
        silence = re.search(r"Nothing at all came .* for (\d+) ms", told["text"])
        self.assertTrue(silence, told["text"])
        self.assertTrue(1500 <= int(silence[1]) < 15000, told["text"])

    def test_the_command_need_not_ask(self):
        e = self.emulator().start()
        talk = self.talk(e, 3, more=["--keepalive", "0", "--keepalive-timeout", "0.1", "--timeout", FREEZE_S + 60])
        talk.until("firstAudio")
        e.process.send_signal(signal.SIGSTOP)
        time.sleep(FREEZE_S)
        e.process.send_signal(signal.SIGCONT)
        self.ended(talk, 0, 60)
        self.assertEqual(talk.named("reconnecting"), [])

    @unittest.skipUnless(LONG, "80 s of the command's own patience: GENAI_OUTAGE_LONG=1 runs it")
    def test_the_command_with_its_own_patience(self):
        e = self.emulator().start()
        talk = self.talk(e, 150)
        talk.until("turnComplete")
        e.process.send_signal(signal.SIGSTOP)
        time.sleep(90)
        e.process.send_signal(signal.SIGCONT)
        self.ended(talk, 0, 200)


class Swallowed(Service):
    """Two network namespaces and a link between them, which is made to swallow everything."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or shutil.which("ip") is None:
            self.skipTest("network namespaces need root and iproute2")
        here = f"{os.getpid()}{next(NAMES)}"
        self.near, self.far, self.near_end, self.far_end = f"gln{here}", f"glf{here}", f"gn{here}", f"gf{here}"
        for space in (self.near, self.far):
            if subprocess.run(["ip", "netns", "add", space], capture_output=True).returncode != 0:
                self.skipTest("no network namespace can be made here")
            self.addCleanup(subprocess.run, ["ip", "netns", "del", space], capture_output=True)
        try:
            self.ip("link", "add", self.near_end, "netns", self.near, "type", "veth", "peer", "name", self.far_end, "netns", self.far)
        except subprocess.CalledProcessError:
            self.skipTest("no pair of virtual links can be made here")
        for space, end, address in ((self.near, self.near_end, "10.199.7.1/24"), (self.far, self.far_end, "10.199.7.2/24")):
            self.ip("-n", space, "addr", "add", address, "dev", end)
            self.ip("-n", space, "link", "set", end, "up")
            self.ip("-n", space, "link", "set", "lo", "up")
        e = self.emulator("--allow-remote", host="10.199.7.2", port=8080, prefix=["ip", "netns", "exec", self.far])
        self.service = e.start()

    def ip(self, *arguments):
        subprocess.run(["ip", *arguments], check=True)

    def cut(self, whole):
        self.ip("-n", self.far, "link", "set", self.far_end, "up" if whole else "down")

    def patient(self, **more):
        return self.started(Patient(self.service.url, prefix=["ip", "netns", "exec", self.near], **more))

    def test_link_comes_back(self):
        p = self.patient()
        p.until("turnComplete")
        self.cut(False)
        p.until("reconnecting", 10)
        time.sleep(30 if LONG else 5)
        self.cut(True)
        self.ended(p, 0, 60)
        self.assertEqual(len(p.named("turnComplete")), 8)
        self.assertTrue(p.named("resumed"))

    def test_link_is_gone(self):
        p = self.patient(budget=5000)
        p.until("turnComplete")
        self.cut(False)
        self.ended(p, 3, 30)


class Clock(Service):
    def test_wall_clock_jumps(self):
        """Hours forwards and backwards: only the monotonic clock counts."""
        faketime = shutil.which("faketime")
        if faketime is None:
            self.skipTest("faketime is missing")
        library = next((str(p) for p in pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
        if library is None or os.environ.get("GENAI_TEST_LAUNCHER"):
            self.skipTest("libfaketime is missing")
        when = self.folder / "when"
        when.write_text("+0")
        env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(when), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
               "ASAN_OPTIONS": "verify_asan_link_order=0"}  # a sanitized command wants to be loaded first
        e = self.emulator().start()
        talk = self.talk(e, 9, env=env)
        for jump in ("+5h", "-9h", "+0"):
            talk.until("firstAudio")
            when.write_text(jump)
        self.ended(talk, 0, 30)
        self.assertFalse(talk.named("reconnecting", "noAnswer"))
        self.assertEqual([e["ms"] for e in talk.events], sorted(e["ms"] for e in talk.events))
        self.assertLess(talk.events[-1]["ms"], 30000 * SCALE)
        self.assertEqual(len(talk.named("turnComplete")), 3)


class Disk(Service):
    def test_fills_up_while_the_reply_is_written(self):
        if os.geteuid() != 0:
            self.skipTest("a small disk (tmpfs) needs root")
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", disk])
        e = self.emulator().start()
        reply = disk / "reply.wav"
        talk = self.talk(e, 9, out=reply)
        self.ended(talk, 1, 30, (str(reply), "No space left on device", "s of sound were written to"))
        read_wav(reply)


class Descriptors(Service):
    def test_none_left_to_reconnect_with(self):
        """A sentence, and recovery when there are some again."""
        if not hasattr(resource, "prlimit") or not os.path.isdir("/proc/self/fd"):
            self.skipTest("the limits of another process can be set on Linux only")
        e = self.emulator().start()
        p = self.started(Patient(e.url))
        p.until("turnComplete")
        inside = len(os.listdir(f"/proc/{p.process.pid}/fd"))
        soft, hard = resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE, (max(3, inside - 8), hard))
        e.kill()
        e.start()
        p.until("reconnecting", 10, count=3)
        self.assertIn("too many open files", "".join(str(v.get("text")) for v in p.events))
        resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        self.ended(p, 0, 30)


class Handles(Service):
    """--resume with what is no handle, or one that has expired."""

    def chat(self, content, *more):
        path = self.folder / "handle"
        if content is not None:
            path.write_bytes(content)
        done = run("chat", "--emulator", "--resume", path, *more, "hi")
        self.assertFalse(path.with_suffix(".new").exists())
        return done

    def test_no_handle(self):
        for content in (b"two words", b"two\nlines", b"\xff\xfe", b"a" * 100000, b"a\0b"):
            self.check(self.chat(content), 2, "holds no resumption handle. Give the file that an earlier --resume wrote, or a new one.")
            self.assertEqual((self.folder / "handle").read_bytes(), content)

    def test_none_yet(self):
        self.check(self.chat(b""), 0)
        self.assertNotEqual((self.folder / "handle").read_bytes(), b"")

    def test_begins_anew(self):
        done = self.check(self.chat(b"abcdef", "--reconnect", "fresh"), 0, "A fresh session")
        self.assertIn("hi", done.stdout)
        self.assertNotIn((self.folder / "handle").read_bytes(), (b"", b"abcdef"))

    def test_expired(self):
        self.check(self.chat(b"abcdef"), 4, ("remove the file, or use --reconnect fresh, to begin anew", "1007"))

    def test_no_place(self):
        self.check(run("chat", "--emulator", "--resume", self.folder, "hi"), 1, "could not be read: Is a directory")
        done = run("chat", "--emulator", "--resume", self.folder / "none" / "x", "hi")
        self.check(done, 1, "x, could not be written: No such file")
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))  # before anything was dialed, and once
        self.check(run("chat", "--emulator", "--resume", "", "hi"), 2, "--resume wants the name of a file.")
        self.check(run("chat", "--emulator", "--reconnect", "maybe", "hi"), 2, '"maybe"; it takes one of: resume fresh none.')


if __name__ == "__main__":
    run_together(__name__)
