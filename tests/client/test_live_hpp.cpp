// The C++ face over a transport without sockets: ownership, exceptions, ends.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "genai/live.hpp"

extern "C" {
#include "fake_cpp.h"
}

static void expect(bool fine, const char *what) {
  if (fine) return;
  std::fprintf(stderr, "test_live_hpp: %s\n", what);
  std::exit(1);
}

template <typename Call> static genai_error thrown(Call call) {
  try {
    call();
  } catch (const genai::error &e) {
    expect(e.what() == std::string(e.detail().message), "the text of the exception is the error's");
    return e.detail();
  }
  expect(false, "nothing was thrown");
  return {};
}

int main() {
  genai_client_options options{};
  options.api_key = "k";
  options.base_url = "ftp://nowhere";
  expect(thrown([&] { genai::client c(options); }).status == GENAI_ERROR_ARGUMENT, "a bad base URL throws");

  options.base_url = "http://127.0.0.1:9";
  fake_cpp_begin();
  {
    genai::client client(options);
    fake_cpp_use(client.get());
    expect(thrown([&] { genai::session s(client, "m", "{\"nonsense\":1}"); }).status == GENAI_ERROR_ARGUMENT, "a bad config throws");
    genai::session session(client, "m", R"({"responseModalities":["TEXT"]})");
    session.send_text("hello");
    session.send(GENAI_LIVE_SEND_REALTIME_INPUT, R"({"audioStreamEnd":true})");
    session.send_audio("\0\1", 2);
    expect(thrown([&] { session.send(GENAI_LIVE_SEND_REALTIME_INPUT, "{}"); }).status == GENAI_ERROR_ARGUMENT, "an empty input throws");

    fake_cpp_message(R"({"serverContent":{"modelTurn":{"parts":[{"text":"a"},{"text":"b"},{"inlineData":{"data":"AAE="}}]},"turnComplete":true}})");
    fake_cpp_message("nonsense");
    auto message = session.receive();
    expect(message && message->text() == "ab", "the text parts are joined");
    expect(message->audio().size() == 1 && message->audio()[0].size == 2, "the audio is decoded");
    expect(message->turn_complete() && !message->interrupted() && !message->function_call(0), "the turn is complete");
    expect(message->json().find("modelTurn") != std::string_view::npos, "the text is there");
    expect(thrown([&] { session.receive(); }).status == GENAI_ERROR_MESSAGE, "a bad message throws");
    expect(thrown([&] { session.receive({std::chrono::milliseconds(10), nullptr}); }).status == GENAI_ERROR_TIMEOUT, "a deadline throws");

    genai::cancel token;
    std::thread other([&] { token.fire(); });
    expect(thrown([&] { session.receive({{}, &token}); }).status == GENAI_ERROR_CANCELLED, "a cancelled call throws");
    other.join();
    session.close();
    expect(!session.receive(), "a graceful close is an empty message");
    expect(message->text() == "ab", "a message outlives the session's end");
  }
  fake_cpp_end();
  std::puts("1 passed, 0 failed");
  return 0;
}
