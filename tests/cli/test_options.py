"""Options, help, exit statuses of usage: everything that ends before a session or a message is touched."""
import re
import subprocess
import unittest

from command import Case, COMMAND, PROJECT, run

SUBCOMMANDS = re.findall(r"^  (\w+) ", run("help").stdout.split("Commands:")[1], re.M)


class Options(Case):
    def test_alone(self):
        done = self.check(run(), 2, "Usage: genai-live COMMAND")
        self.assertEqual(done.stdout, "")

    def test_version(self):
        self.assertRegex(self.check(run("--version"), 0).stdout, r"^genai-live \d+\.\d+\.\d+\n$")

    def test_help(self):
        for arguments in (["help"], ["--help"], ["-h"]):
            self.assertIn("Usage: genai-live COMMAND", self.check(run(*arguments), 0).stdout)

    def test_help_of_each(self):
        self.assertGreaterEqual(len(SUBCOMMANDS), 3)
        for name in SUBCOMMANDS:
            text = self.check(run("help", name), 0).stdout
            for arguments in ([name, "--help"], [name, "-h"], [name, "--help", "--no-such"]):
                self.assertEqual(self.check(run(*arguments), 0).stdout, text)
            self.assertTrue(text.startswith(f"Usage: genai-live {name}"))
            self.assertIn("Exit status:", text)
            self.assertLessEqual(max(map(len, text.split("Examples:")[0].splitlines())), 80)

    def test_unknown_command(self):
        self.check(run("setp"), 2, "did you mean setup?")
        self.check(run("help", "decodee"), 2, "did you mean decode?")
        self.check(run("xyzzy"), 2, "`genai-live help` lists them")

    def test_unknown_option(self):
        self.check(run("setup", "--modle", "x"), 2, ["no option --modle", "did you mean --model?"])
        self.check(run("setup", "--modle=x"), 2, "did you mean --model?")
        done = self.check(run("decode", "--nothing-like-it"), 2, "There is no option --nothing-like-it.")
        self.assertIn("`genai-live decode --help`", done.stderr)
        self.check(run("decode", "-Z"), 2, "There is no option -Z.")
        self.check(run("decode", "--" + "x" * 100000), 2, "There is no option --xxx")

    def test_values(self):
        self.check(run("setup", "--model"), 2, "--model needs a value: --model NAME.")
        self.check(run("setup", "--model", "--config"), 2, "write --model=--config if that is the value")
        self.check(run("decode", "--music=yes"), 2, "--music takes no value.")
        self.check(run("setup", "--backend", "gem"), 2, "it takes one of: gemini vertex.")
        self.check(run("setup", "--backend="), 2, "it takes one of: gemini vertex.")

    def test_keepalive(self):
        self.check(run("chat", "--keepalive", "soon", "x"), 2, '--keepalive wants a number, not "soon".')
        self.check(run("chat", "--emulator", "--keepalive", "0.05", "x"), 2, "--keepalive must be 0, for never, or at least 0.1, not 0.05.")
        self.check(run("talk", "--keepalive", "86401"), 2, "--keepalive must be between 0 and 86400, not 86401.")
        self.check(run("music", "--keepalive-timeout", "0"), 2, "--keepalive-timeout must be between 0.1 and 86400, not 0.")
        self.check(run("chat", "--emulator", "--keepalive", "0", "Hello"), 0)

    def test_operands(self):
        self.check(run("encode"), 2, "encode needs SEND.")
        self.check(run("encode", "hello"), 2, 'There is no send "hello"')
        self.check(run("encode", "client-content", "more"), 2, '"more" is one argument too many.')
        self.check(run("decode", *"abcdefghij"), 2, "too many arguments")
        self.check(run("decode", "--", "--music"), 2, '"--music" is one argument too many.')

    def test_short_and_long_forms_are_one(self):
        expect = self.check(run("setup", "--model=m1", "--backend=gemini"), 0).stdout
        self.assertIn("models/m1", expect)
        for arguments in (["--model", "m1"], ["-m", "m1"], ["-mm1"], ["-m", "m0", "-m", "m1"]):
            self.assertEqual(self.check(run("setup", *arguments), 0).stdout, expect)

    def test_refusals(self):
        self.check(run("setup", "--model", "a..b"), 2, "which no model name does")
        self.check(run("setup", "--model", ""), 2)
        self.check(run("setup", "--config", "-", stdin='{"temprature":1}'), 2, "temprature")
        self.check(run("setup", "--config", "-", stdin="{"), 2, "line 1, column 2")
        self.check(run("setup", "--config", "-"), 2)
        self.check(run("setup", "--config", "/no/such/file"), 1, "/no/such/file could not be opened: No such file or directory.")
        self.check(run("setup", "--config", "/"), 1, "Is a directory")
        self.check(run("encode", "realtime-input", stdin="{}"), 2)
        self.check(run("encode", "realtime-input", stdin='{"text":"a","audioStreamEnd":true}'), 2)
        self.check(run("encode", "tool-response", stdin='{"functionResponses":[{"name":"f","response":{}}]}'), 2, "id")
        self.check(run("encode", "tool-response", "--backend", "vertex",
                       stdin='{"functionResponses":[{"name":"f","response":{}}]}'), 0)

    def test_setup_json_is_merged_last(self):
        done = self.check(run("setup", "-m", "m", "--setup-json", "-", stdin='{"generationConfig":{"newField":1}}'), 0)
        self.assertIn('"newField":1', done.stdout)

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            for arguments in (["help"], ["setup"], ["decode"]):
                done = subprocess.run([COMMAND, *arguments], input=b"{}\n", stdout=full, stderr=subprocess.PIPE)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr, b"genai-live: Standard output could not be written: No space left on device.\n")

    def test_reader_that_goes_away(self):
        with subprocess.Popen([COMMAND, "decode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as p:
            p.stdout.close()
            try:
                p.stdin.write(b"{}\n" * 100000)
                p.stdin.close()
            except BrokenPipeError:
                pass
            self.assertEqual(p.wait(10), -13)
            self.assertEqual(p.stderr.read(), b"")

    def test_manual_is_the_tables(self):
        page = PROJECT / "docs" / "man" / "genai-live.1"
        self.assertEqual(page.read_text(), self.check(run("--man"), 0).stdout,
                         "run: build/genai-live --man > docs/man/genai-live.1")


if __name__ == "__main__":
    unittest.main()
