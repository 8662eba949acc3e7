"""A small MCP server over standard input and output, with the manners of real ones: it prints other things, asks questions,
pages its list, and can be told to fail, to hang, to die and to leave a child behind."""
import json
import os
import subprocess
import sys
import threading

lock = threading.Lock()


def say(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


def call(ident, params):
    name, args = params["name"], params.get("arguments", {})
    if name == "add":
        say({"id": ident, "result": text(str(args["a"] + args["b"]))})
    elif name == "broken":
        say({"id": ident, "result": text("no ink", isError=True)})
    elif name == "refused":
        say({"id": ident, "error": {"code": -32602, "message": "Unknown tool"}})
    elif name == "environment":
        say({"id": ident, "result": text(" ".join(sorted(os.environ)))})
    elif name == "die":
        os._exit(3)
    elif name == "child":
        subprocess.Popen(["sleep", "600"])
        say({"id": ident, "result": text("left")})
    # "hang" never answers


TOOLS = ["add", "broken", "refused", "environment", "die", "child", "hang"]


def tool(name):
    return {"name": name, "description": "does " + name, "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}}}}


def serve(cancelled_file):
    print("not JSON at all", flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        method, ident = message.get("method"), message.get("id")
        if method == "initialize":
            say({"id": 77, "method": "ping"})
            say({"method": "notifications/message", "params": {"level": "info"}})
            say({"id": ident, "result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "t"}}})
        elif method == "tools/list":
            if "cursor" in message["params"]:
                say({"id": ident, "result": {"tools": [tool(n) for n in TOOLS[3:]]}})
            else:
                say({"id": ident, "result": {"tools": [tool(n) for n in TOOLS[:3]], "nextCursor": "page \"2\""}})
        elif method == "tools/call":
            call(ident, message["params"])
        elif method == "notifications/cancelled":
            with open(cancelled_file, "w") as out:
                out.write(str(message["params"]["requestId"]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["silent"]:
        sys.stdin.read()
    elif sys.argv[1:2] == ["mute"]:
        sys.exit(0)
    else:
        serve(sys.argv[1])
