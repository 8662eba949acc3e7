"""--tool and --mcp: functions that run themselves, from what goes on the wire to the processes that are left behind."""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import unittest

from command import CLEAN, Case, COMMAND, PROJECT, json_lines, run
from fake import service

ENV = {"GEMINI_API_KEY": "any"}
SERVER = PROJECT / "tests" / "mcp" / "server.py"


def python(code):
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def alive(pid):
    """Whether the process runs still; one that has ended and waits for its parent does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Tools(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def chat(self, script, *arguments, **more):
        with service(script) as url:
            return run("chat", "Hi", *arguments, "--base-url", url, env=ENV, **more)

    def answer_of(self, command, args=None, status=0):
        """What the model is answered when `command` is the function."""
        responses = []

        def script(fake):
            fake.receive()
            fake.send({"toolCall": {"functionCalls": [{"id": "7", "name": "f", **({} if args is None else {"args": args})}]}})
            responses.extend(fake.receive()["toolResponse"]["functionResponses"])
            fake.complete()

        done = self.check(self.chat(script, "--tool", f"f={command}"), status)
        self.assertEqual([(r["id"], r["name"]) for r in responses], [("7", "f")])
        return responses[0]["response"], done.stderr

    def test_declarations(self):
        declared = [{"name": "a", "description": "A."}, {"name": "b"}, {"name": "c"}]
        one, two = self.folder / "one.json", self.folder / "two.json"
        one.write_text(json.dumps(declared))
        two.write_text(json.dumps(declared[:1]))

        def tools_of(*arguments):
            setups = []

            def script(fake):
                setups.append(fake.setup)
                fake.receive()
                fake.complete()

            self.check(self.chat(script, *arguments), 0)
            return setups[0].get("tools")

        self.assertEqual(tools_of("--tool", "f=true"), [{"functionDeclarations": [{"name": "f"}]}])
        self.assertEqual(tools_of("--declare", two, "--tool", "a=true"), [{"functionDeclarations": declared[:1]}])
        self.assertEqual(tools_of("--declare", one, "--tool", "a=true", "--tool", "d=true"),
                         [{"functionDeclarations": declared[1:]}, {"functionDeclarations": [declared[0], {"name": "d"}]}])
        config = self.folder / "config.json"
        config.write_text(json.dumps({"tools": [{"googleSearch": {}, "functionDeclarations": declared[:1]}]}))
        self.assertEqual(tools_of("--config", config, "--tool", "a=true"),
                         [{"googleSearch": {}}, {"functionDeclarations": declared[:1]}])

    def test_results(self):
        for text, result in (('{"a":[1,null]}', {"a": [1, None]}), ("21\n", {"result": 21}), ("[1]", {"result": [1]}),
                             ("null", {"result": None}), ("warm, sunny\n", {"result": "warm, sunny"}), ("", {"result": ""}),
                             ("{broken", {"result": "{broken"}), ("grüß\n\n", {"result": "grüß"})):
            with self.subTest(text):
                response, talk = self.answer_of(f"printf %s {shlex.quote(text)}")
                self.assertEqual(response, result)
                self.assertEqual(talk, "[call f({})]\n")

    def test_arguments(self):
        args = {"text": "it's \"ä\"\n", "n": 1.5, "long": "x" * 300000}
        self.assertEqual(self.answer_of("cat", args)[0], args)
        self.assertEqual(self.answer_of("cat")[0], {})
        self.assertEqual(self.answer_of("echo 1", args)[0], {"result": 1})  # it reads nothing

    def test_words_are_split_without_a_shell(self):
        show = "import json, sys; print(json.dumps({'words': sys.argv[1:]}))"
        words = ["a b", "$HOME", "*", "", 'quo"te', "back\\slash", "it's", ";"]
        response = self.answer_of(f"{python(show)} {' '.join(map(shlex.quote, words))}")[0]
        self.assertEqual(response["words"], words)
        response = self.answer_of(python(show) + r''' a\ b "c \"d\" e"f ''')[0]
        self.assertEqual(response["words"], ["a b", 'c "d" ef'])

    def test_environment_is_scrubbed(self):
        names = self.answer_of(python("import json, os; print(json.dumps({'names': list(os.environ)}))"))[0]["names"]
        self.assertIn("PATH", names)
        self.assertNotIn("GEMINI_API_KEY", names)

    def test_failures(self):
        for command, text in (("sh -c 'echo one >&2; echo two >&2; echo >&2; echo 5; exit 3'", 'The function "f" failed with status 3: two'),
                              ("false", 'The function "f" failed with status 1.'),
                              ("sh -c 'kill -9 $$'", 'The function "f" was ended by signal 9.'),
                              ("/no/such/program", '"/no/such/program" could not be started: No such file or directory.'),
                              (r"printf \\377", 'The function "f" wrote what is no text.'),
                              ("cat /dev/zero", 'The function "f" wrote more than 4194304 bytes.')):
            with self.subTest(command):
                response, told = self.answer_of(command)
                self.assertEqual(list(response), ["error"])
                self.assertIn(text, response["error"])
                self.assertIn("genai-live: " + text, told)

    def test_usage(self):
        def refused(*arguments):
            return run("chat", "Hi", "--emulator", *arguments)

        self.check(refused("--tool", "f"), 2, '--tool wants NAME=COMMAND, not "f".')
        self.check(refused("--tool", "=f"), 2, "--tool wants NAME=COMMAND")
        self.check(refused("--tool", "f="), 2, "--tool names no command")
        self.check(refused("--tool", "f='x"), 2, "has no end")
        self.check(refused("--tool", "f=true", "--tool", "f=false"), 2, 'There is a function "f" already.')
        self.check(refused("--tool", "f=true", "--tool-result", "f=1"), 2, "--tool and --tool-result both answer f.")
        self.check(refused("--mcp", "/no/such/server"), 1, '"/no/such/server" could not be started')
        self.check(refused("--mcp", "true"), 3)

    def test_programs_beside_results(self):
        def script(fake):
            fake.receive()
            fake.send({"toolCall": {"functionCalls": [{"id": "1", "name": "f"}, {"id": "2", "name": "g"}, {"id": "3", "name": "h"}]}})
            responses = {}
            while len(responses) < 3:
                responses.update({r["id"]: r["response"] for r in fake.receive()["toolResponse"]["functionResponses"]})
            self.assertEqual((responses["1"], responses["2"]), ({"result": 1}, {"output": 2}))
            self.assertIn("error", responses["3"])
            fake.complete()

        done = self.check(self.chat(script, "--tool", "f=echo 1", "--tool-result", "g=2"), 0)
        self.assertIn("[call f({})]\n", done.stderr)
        self.assertIn('[call g({}) = {"output":2}]\n', done.stderr)

    def test_json(self):
        def script(fake):
            fake.receive()
            fake.send({"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"a": 1}}]}})
            fake.receive()
            fake.complete()

        lines = json_lines(self.check(self.chat(script, "--json", "--tool", "f=echo 1"), 0).stdout)
        call = next(line for line in lines if line["event"] == "toolCall")
        self.assertEqual((call["id"], call["name"], call["args"]), ("1", "f", {"a": 1}))
        self.assertNotIn("toolResponse", [line["event"] for line in lines])

    def slow(self):
        """A function that tells its process number in a file, has a child, and takes a minute."""
        return self.folder / "pids", f"f=sh -c 'sleep 60 & echo $$ $! > {self.folder}/pids; wait'"

    def check_gone(self, path):
        pids = path.read_text().split()
        self.assertEqual(len(pids), 2)
        end = time.monotonic() + 5
        while any(map(alive, pids)) and time.monotonic() < end:
            time.sleep(0.02)
        self.assertFalse(any(map(alive, pids)))

    def wait_for(self, path):
        end = time.monotonic() + 10
        while not (path.exists() and path.read_text().endswith("\n")) and time.monotonic() < end:
            time.sleep(0.02)

    def test_cancelled_calls_are_killed(self):
        path, tool = self.slow()

        def script(fake):
            fake.receive()
            fake.send({"toolCall": {"functionCalls": [{"id": "1", "name": "f"}]}})
            self.wait_for(path)
            fake.send({"toolCallCancellation": {"ids": ["1"]}})
            self.check_gone(path)
            fake.complete()

        self.check(self.chat(script, "--tool", tool), 0, "[the calls were cancelled]")

    def test_the_end_of_the_session_kills(self):
        path, tool = self.slow()

        def script(fake):
            fake.receive()
            fake.send({"toolCall": {"functionCalls": [{"id": "1", "name": "f"}]}})
            self.wait_for(path)
            fake.complete()

        start = time.monotonic()
        self.check(self.chat(script, "--tool", tool), 0)
        self.assertLess(time.monotonic() - start, 20)
        self.check_gone(path)

    def test_with_the_emulator(self):
        declared = self.folder / "tools.json"
        declared.write_text('[{"name":"get_weather","parameters":{"type":"OBJECT","properties":{"location":{"type":"STRING"}},"required":["location"]}}]')
        done = run("chat", "--emulator", "Please get weather in Paris", "--declare", declared, "--tool",
                   "get_weather=" + python('import json, sys; print("warm in", json.load(sys.stdin)["location"])'))
        self.check(done, 0)
        self.assertIn('[call get_weather({"location":"Paris"})]', done.stderr)
        self.assertIn("warm in Paris", done.stdout)

    def test_mcp(self):
        setups, responses = [], []

        def script(fake):
            setups.append(fake.setup)
            fake.receive()
            for name, args in (("add", {"a": 1, "b": 2}), ("broken", {})):
                fake.send({"toolCall": {"functionCalls": [{"id": "1", "name": name, "args": args}]}})
                responses.extend(fake.receive()["toolResponse"]["functionResponses"])
            fake.complete()

        done = self.check(self.chat(script, "--mcp", shlex.join([sys.executable, str(SERVER), str(self.folder / "cancelled")])), 0)
        declared = setups[0]["tools"][0]["functionDeclarations"]
        self.assertEqual([d["name"] for d in declared][:2], ["add", "broken"])
        self.assertEqual(responses[0]["response"]["content"][0]["text"], "3")
        self.assertIn("no ink", responses[1]["response"]["error"])
        self.assertIn('[call add({"a":1,"b":2})]', done.stderr)


if __name__ == "__main__":
    unittest.main()
