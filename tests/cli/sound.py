"""Sounds for the tests of talk: tones that pass for speech, WAV files of any shape."""
import array
import math
import sys
import wave


def tone(seconds, rate=16000, level=0.4, hz=440):
    return [int(32767 * level * math.sin(2 * math.pi * hz * i / rate)) for i in range(int(seconds * rate))]


def silence(seconds, rate=16000):
    return [0] * int(seconds * rate)


def pcm(samples):
    a = array.array("h", samples)
    if sys.byteorder == "big":
        a.byteswap()
    return a.tobytes()


def write_wav(path, samples, rate=16000, channels=1):
    with wave.open(str(path), "wb") as w:
        w.setnchannels(channels)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(pcm([s for s in samples for _ in range(channels)]))
    return path


def read_wav(path):
    """(rate, channels, samples) of a whole, consistent file."""
    with wave.open(str(path), "rb") as w:
        assert w.getsampwidth() == 2
        frames = w.readframes(w.getnframes())
        assert len(frames) == w.getnframes() * 2 * w.getnchannels(), "the header promises more than there is"
        a = array.array("h", frames)
        if sys.byteorder == "big":
            a.byteswap()
        return w.getframerate(), w.getnchannels(), a


def rms(samples):
    return math.sqrt(sum(s * s for s in samples) / max(1, len(samples)))
