"""`decode`: the service's recorded messages without loss, odd lines, positions, ceilings."""
import json
import re
import subprocess
import unittest

from command import Case, COMMAND, PROJECT, SHARED, first_existing, run, same_json

MESSAGES = 48  # in the 19 recordings

# proto3 JSON lets a field have other names on the way in; out goes the first.
OTHER_NAMES = {"candidatesTokenCount": "responseTokenCount", "candidatesTokensDetails": "responseTokensDetails"}


def renamed(value):
    if isinstance(value, dict):
        return {OTHER_NAMES.get(k, k): renamed(v) for k, v in value.items()}
    return [renamed(v) for v in value] if isinstance(value, list) else value


def server_messages(path):
    """The texts after each `<LEN ` of a recording; LEN counts the final newline."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        head = re.match(rb"\s*([<>])(\d+) ", data[at:])
        if head is None:
            break
        start = at + head.end()
        end = start + int(head[2]) - 1
        if head[1] == b"<":
            yield data[start:end]
        at = end


class Decode(Case):
    def test_recordings_lose_nothing(self):
        folder = first_existing(PROJECT / "tests" / "recordings", SHARED / "recordings")
        if folder is None:
            self.skipTest("the recordings are missing")
        count = 0
        for path in sorted(folder.glob("*.log")):
            messages = [json.loads(text) for text in server_messages(path)]
            if not messages:
                continue
            done = self.check(run("decode", stdin="".join(json.dumps(m) + "\n" for m in messages)), 0)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(len(lines), len(messages))
            for message, line in zip(messages, lines):
                with self.subTest(path.name):
                    self.assertTrue(same_json(renamed(message), line), f"\nin  {message}\nout {line}"[:4000])
            count += len(messages)
        self.assertEqual(count, MESSAGES)

    def test_music(self):
        message = '{"serverContent":{"audioChunks":[{"data":"AAEC","mimeType":"audio/l16;rate=48000;channels=2"}]}}'
        self.assertEqual(self.check(run("decode", "--music", stdin=message), 0).stdout, message + "\n")
        self.assertEqual(self.check(run("decode", stdin=message), 0).stdout, '{"serverContent":{}}\n')

    def test_unknown_fields_are_left_out(self):
        done = self.check(run("decode", stdin='{"goAway":{"timeLeft":"9.5s","x":[1]},"news":{"y":{}}}\n{}\n'), 0)
        self.assertEqual(done.stdout, '{"goAway":{"timeLeft":"9.500s"}}\n{}\n')

    def test_bad_lines_are_told_and_the_rest_goes_on(self):
        lines = ['{"setupComplete":{}}', '{"setupComplete":{}', '{"goAway":{"timeLeft":5}}', "nonsense", "", '{"a":1}', "[]",
                 '{"serverContent":{"turnComplete":true}}']
        done = self.check(run("decode", stdin="\n".join(lines)), 1)
        self.assertEqual(done.stdout.splitlines(), ['{"setupComplete":{}}', "{}", '{"serverContent":{"turnComplete":true}}'])
        told = re.findall(r"^genai-live: line (\d+), column (\d+): (\S.*\S)$", done.stderr, re.M)
        self.assertEqual([(int(line), int(column)) for line, column, _ in told], [(2, 20), (3, 23), (4, 1), (5, 1), (7, 1)])
        self.assertIn("goAway.timeLeft", told[1][2])

    def test_columns_count_characters(self):
        done = self.check(run("decode", stdin='{"error":{"message":"é€😀"},}'.encode()), 1)
        self.assertRegex(done.stderr, r"line 1, column 28: ")

    def test_invalid_utf8(self):
        done = self.check(run("decode", stdin=b'{"error":{"message":"\xff"}}\n{}\n'), 1, "line 1, column ")
        self.assertEqual(done.stdout, "{}\n")

    def test_last_line_without_newline_and_carriage_returns(self):
        self.assertEqual(self.check(run("decode", stdin='{"setupComplete":{}}\r\n{}'), 0).stdout, '{"setupComplete":{}}\n{}\n')

    def test_nothing(self):
        self.assertEqual(self.check(run("decode"), 0).stdout, "")

    def test_a_line_over_the_ceiling_is_told_once(self):
        long = b'{"error":{"message":"' + b"x" * (64 << 20) + b'"}}\n'
        done = self.check(run("decode", stdin=b"{}\n" + long + b'{"setupComplete":{}}\n' + long[:-1]), 1)
        self.assertEqual(done.stdout, '{}\n{"setupComplete":{}}\n')
        self.assertEqual(re.findall(r"line (\d+), column 1: The line is longer than 64 MiB", done.stderr), ["2", "4"])

    def test_a_line_just_under_the_ceiling(self):
        text = '{"error":{"message":"' + "x" * ((64 << 20) - 24) + '"}}'
        self.assertEqual(len(text), 64 << 20)
        self.assertEqual(self.check(run("decode", stdin=text), 0).stdout, text + "\n")

    def test_amplification_is_refused(self):
        text = '{"toolCall":{"functionCalls":[' + ",".join(["{}"] * (8 << 20)) + "]}}\n{}\n"
        done = self.check(run("decode", stdin=text), 1, "line 1, column ")
        self.assertEqual(done.stdout, "{}\n")

    def test_lines_go_out_as_they_come(self):
        with subprocess.Popen([COMMAND, "decode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            p.stdin.write(b"{}\n")
            p.stdin.flush()
            self.assertEqual(p.stdout.readline(), b"{}\n")
            p.stdin.close()
            self.assertEqual(p.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
