"""Every case of the official SDK's vectors through `setup` and `encode`: JSON-equal, or refused with status 2."""
import json
import unittest

from command import Case, PROJECT, SHARED, first_existing, run, same_json, skip

SENDS = {"sendClientContent": "client-content", "sendRealtimeInput": "realtime-input", "sendToolResponse": "tool-response",
         "sendContextUpdate": "context-update"}


def cases(name):
    path = first_existing(PROJECT / "tests" / "vectors" / name, SHARED / "vectors" / name)
    if path is None:
        skip(f"tests/vectors/{name} is missing")
    return [json.loads(line) for line in path.read_text().splitlines()]


class Vectors(Case):
    def judge(self, case, done):
        if case.get("error"):
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertGreater(len(done.stderr), 20)
            return
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("\n"), 1)
        got = json.loads(done.stdout)
        self.assertTrue(same_json(got, case["expect"]), f"\ngot    {json.dumps(got)}\nexpect {json.dumps(case['expect'])}")

    def test_setup(self):
        for case in cases("setup.jsonl"):
            place = ["--project", "p1", "--location", "us-central1"] if case["backend"] == "vertex" else []
            with self.subTest(case["name"], backend=case["backend"]):
                self.judge(case, run("setup", "--backend", case["backend"], "--model", case["model"], *place, "--config", "-",
                                     stdin=json.dumps(case["config"])))

    def test_sends(self):
        for case in cases("sends.jsonl"):
            with self.subTest(case["name"], backend=case["backend"]):
                self.judge(case, run("encode", SENDS[case["method"]], "--backend", case["backend"],
                                     stdin=json.dumps(case["params"])))


if __name__ == "__main__":
    unittest.main()
