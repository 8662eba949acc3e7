#include "cli/session_options.h"

#include "cli/command.h"

static const option session_table[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, model),
     .initial_text = "gemini-3.8-live", .help = "The model."},
    {.name = "config", .letter = 'c', .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, config),
     .help = "The session's configuration, the SDKs' LiveConnectConfig as JSON. The options below go over it."},
    {.name = "setup-json", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, setup_json),
     .help = "JSON that is merged into the setup last: what the configuration has no field for yet."},
    {.name = "system", .letter = 's', .kind = OPTION_TEXT, .value = "TEXT", .offset = offsetof(settings, system),
     .help = "The system instruction."},
    {.name = "voice", .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, voice),
     .help = "The prebuilt voice that answers: Puck, Kore."},
    {.name = "declare", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, declare),
     .help = "Functions the model may call: a JSON list of FunctionDeclaration, or a Tool."},
    {.name = "tool-result", .kind = OPTION_LIST, .value = "NAME=JSON", .offset = offsetof(settings, tool_results),
     .help = "Answers each call of the function NAME with this JSON; what is no object is sent as {\"output\": JSON}. May be "
             "repeated. Calls of other functions are answered with an error."},
    {.name = "tool", .kind = OPTION_LIST, .value = "NAME=COMMAND", .offset = offsetof(settings, tools),
     .help = "Runs COMMAND for each call of the function NAME: its arguments as a JSON object on standard input, its result on "
             "standard output; a status other than 0 is an error with the last line of its standard error. No shell. The "
             "declaration is taken from --declare or --config; without one the function takes no arguments. May be repeated."},
    {.name = "mcp", .kind = OPTION_LIST, .value = "COMMAND", .offset = offsetof(settings, mcp),
     .help = "Starts COMMAND as an MCP server over its standard input and output, declares its tools and has it answer their "
             "calls. No shell. May be repeated."},
    {.name = "reconnect", .kind = OPTION_CHOICE, .value = "HOW", .offset = offsetof(settings, reconnect),
     .choices = "resume fresh none", .initial_text = "resume",
     .help = "What a lost connection leads to: the session is resumed in a new one; or, where that fails, the model is told the "
             "recent turns in a fresh session; or the end."},
    {.name = "resume", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, resume),
     .help = "Goes on with the session whose resumption handle the file holds, if it is there, and keeps the newest handle in it. "
             "The file is a secret: its mode is 0600."},
};
const option_group session_options = OPTION_GROUP("Session", session_table);

static const option connection_table[] = {
    {.name = "backend", .letter = 'b', .kind = OPTION_CHOICE, .value = "NAME", .offset = offsetof(settings, backend),
     .choices = "gemini vertex",
     .help = "The Gemini Developer API or Vertex AI; without it the environment says, and else it is gemini."},
    {.name = "key-file", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, key_file),
     .help = "The file that holds the API key, when the environment does not."},
    {.name = "project", .kind = OPTION_TEXT, .value = "ID", .offset = offsetof(settings, project),
     .help = "The Google Cloud project, for vertex; else the environment's, or that of the credentials."},
    {.name = "location", .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, location),
     .help = "The Google Cloud location, for vertex: us-central1, eu, global."},
    {.name = "credentials", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, credentials_file),
     .help = "Google credentials for vertex, JSON: a service account, a user, an external account; without it Application "
             "Default Credentials."},
    {.name = "access-token-file", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, access_token_file),
     .help = "The file that holds an access token for vertex, such as `gcloud auth print-access-token` prints; - is standard "
             "input."},
    {.name = "base-url", .kind = OPTION_TEXT, .value = "URL", .offset = offsetof(settings, base_url),
     .help = "Where the service is: http, https, ws or wss, with a path if need be."},
    {.name = "api-version", .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, api_version),
     .help = "The version of the API: v1, v1beta, v1alpha, v1beta1; without it the backend's usual one."},
    {.name = "header", .letter = 'H', .kind = OPTION_LIST, .value = "NAME:VALUE", .offset = offsetof(settings, headers),
     .help = "A header of the request that opens the connection. May be repeated."},
    {.name = "proxy", .letter = 'x', .kind = OPTION_TEXT, .value = "URL", .offset = offsetof(settings, proxy),
     .help = "The proxy: http, socks5 or socks5h, with user and password if need be; empty for none, whatever the environment "
             "says."},
    {.name = "no-proxy", .kind = OPTION_TEXT, .value = "LIST", .offset = offsetof(settings, no_proxy),
     .help = "Hosts without the proxy: names, suffixes, addresses, blocks of addresses, with commas."},
    {.name = "models", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, models),
     .help = "What newer models take, a ModelTable as JSON; it goes before the library's own table."},
    {.name = "ca", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, ca),
     .help = "The certificates to trust, PEM, instead of the system's."},
    {.name = "emulator", .letter = 'e', .kind = OPTION_FLAG, .offset = offsetof(settings, emulator),
     .help = "Talks to an emulator inside this command, over TLS on a loopback port; needs no key."},
    {.name = "keepalive", .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, keepalive_ms),
     .maximum = 86400000, .initial = 20000,
     .help = "Asks for a sign of life after so long without a byte from the service; 0 for never."},
    {.name = "keepalive-timeout", .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, keepalive_timeout_ms),
     .minimum = 100, .maximum = 86400000, .initial = 60000,
     .help = "When nothing at all comes for so long after that, the connection counts as lost. The service has been seen to take 30 s."},
    {.name = "timeout", .letter = 't', .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, timeout_ms),
     .minimum = 100, .maximum = 86400000, .initial = 30000,
     .help = "The longest wait for the connection and its setup, and for each next message of an answer."},
};
const option_group connection_options = OPTION_GROUP("Connection", connection_table);

static const option progress_table[] = {
    {.name = "json", .letter = 'j', .kind = OPTION_FLAG, .offset = offsetof(settings, json),
     .help = "Tells what happens as JSON Lines on standard output (on standard error when sound goes there)."},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .offset = offsetof(settings, verbose),
     .help = "Tells on standard error what the connection does."},
};
const option_group progress_options = OPTION_GROUP("Progress", progress_table);
