// Live sessions for C++17: ownership, exceptions and the JSON doors over genai/live.h, header only.
//
//   genai::client client;                                              // key from the environment
//   genai::session session(client, "gemini-3.8-live", R"({"responseModalities":["AUDIO"]})");
//   session.send_text("Where is the library?");
//   while (auto message = session.receive()) {                         // empty after a graceful close
//     for (auto audio : message->audio()) play(audio.data, audio.size);
//     if (message->turn_complete()) break;
//   }
//
// Configs and sends are JSON text (the SDKs' public names), because compound literals are C's alone; what is received is the
// structs of genai/types.h. Every function but a destructor throws genai::error where the C function returns an error.
// Threads: as genai/live.h says of the function beneath.
#ifndef GENAI_LIVE_HPP
#define GENAI_LIVE_HPP

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genai/live.h"

namespace genai {

// What went wrong, with all of genai_error.
class error : public std::runtime_error {
public:
  explicit error(const genai_error &detail) : std::runtime_error(detail.message), detail_(detail) {}
  genai_status status() const noexcept { return detail_.status; }
  const genai_error &detail() const noexcept { return detail_; }

private:
  genai_error detail_;
};

namespace internal {
inline void check(genai_status status, const genai_error &detail) {
  if (status != GENAI_OK) throw error(detail);
}
struct closer {
  void operator()(genai_client *c) const noexcept { (void)genai_client_free(c); }
  void operator()(genai_live_session *s) const noexcept { (void)genai_live_free(s); }
  void operator()(genai_live_message *m) const noexcept { genai_live_message_free(m); }
  void operator()(genai_cancel *c) const noexcept { genai_cancel_free(c); }
};
} // namespace internal

// Cancels any number of calls, from any thread (genai_cancel).
class cancel {
public:
  cancel() {
    genai_error detail{};
    genai_cancel *made = nullptr;
    internal::check(genai_cancel_new(&made, &detail), detail);
    handle_.reset(made);
  }
  void fire() noexcept { genai_cancel_fire(handle_.get()); }
  bool fired() const noexcept { return genai_cancel_fired(handle_.get()); }
  genai_cancel *get() const noexcept { return handle_.get(); }

private:
  std::unique_ptr<genai_cancel, internal::closer> handle_;
};

// How long a call may wait; default: for ever.
struct wait {
  std::chrono::milliseconds timeout{0}; // 0: no deadline
  cancel *token = nullptr;
  genai_wait c() const noexcept { return {timeout.count(), token ? token->get() : nullptr}; }
};

// One backend, its credentials and I/O threads (genai_client). Sessions keep it alive.
class client {
public:
  explicit client(const genai_client_options &options = {}) {
    genai_error detail{};
    genai_client *made = nullptr;
    internal::check(genai_client_new(&made, &options, &detail), detail);
    handle_.reset(made);
  }
  genai_client *get() const noexcept { return handle_.get(); }

private:
  std::unique_ptr<genai_client, internal::closer> handle_;
};

// A received message; everything it hands out lives as long as it does.
class message {
public:
  explicit message(genai_live_message *owned) noexcept : handle_(owned) {}
  const genai_live_server_message *server() const noexcept { return handle_->server; } // null for a mere event
  const genai_live_event *event() const noexcept { return handle_->event; }            // or null
  std::string_view json() const noexcept { return {handle_->json ? handle_->json : "", handle_->json_size}; }
  // The decoded audio blobs of the model's turn.
  std::vector<genai_bytes> audio() const {
    std::vector<genai_bytes> all;
    genai_bytes one{};
    for (std::size_t i = 0; genai_live_message_audio(handle_.get(), i, &one); i++) all.push_back(one);
    return all;
  }
  // The text parts that are no thoughts, joined.
  std::string text() const {
    std::string all;
    for (std::size_t i = 0; const char *one = genai_live_message_text(handle_.get(), i); i++) all += one;
    return all;
  }
  const genai_function_call *function_call(std::size_t index) const noexcept {
    return genai_live_message_function_call(handle_.get(), index);
  }
  bool turn_complete() const noexcept { return genai_live_message_turn_complete(handle_.get()); }
  bool interrupted() const noexcept { return genai_live_message_interrupted(handle_.get()); }
  const genai_live_message *get() const noexcept { return handle_.get(); }

private:
  std::unique_ptr<genai_live_message, internal::closer> handle_;
};

// A conversation (genai_live_session). The destructor closes it, and must not run on the library's own threads.
class session {
public:
  session(const client &c, const std::string &model, const std::string &config_json = "{}", const wait &w = {})
      : session(c, params_of(model.c_str(), config_json.c_str()), w) {}
  // The same with everything that genai_live_connect knows: how to go on after a loss, a handle to resume from.
  session(const client &c, const genai_live_connect_params &params, const wait &w = {}) {
    genai_error detail{};
    genai_wait limits = w.c();
    genai_live_session *made = nullptr;
    internal::check(genai_live_connect(c.get(), &params, &made, &limits, &detail), detail);
    handle_.reset(made);
  }

  void send(genai_live_send_kind kind, const std::string &params_json, const wait &w = {}) {
    genai_error detail{};
    genai_wait limits = w.c();
    internal::check(genai_live_send_json(get(), kind, params_json.c_str(), &limits, &detail), detail);
  }
  void send_text(const std::string &text, const wait &w = {}) {
    genai_error detail{};
    genai_wait limits = w.c();
    internal::check(genai_live_send_text(get(), text.c_str(), &limits, &detail), detail);
  }
  void send_audio(const void *pcm, std::size_t size, int rate_hz = 16000, const wait &w = {}) {
    genai_error detail{};
    genai_wait limits = w.c();
    internal::check(genai_live_send_audio(get(), pcm, size, rate_hz, &limits, &detail), detail);
  }

  // The next message; empty once the session was closed gracefully. A message that could not be read throws an error with
  // status GENAI_ERROR_MESSAGE, and the session goes on.
  std::optional<message> receive(const wait &w = {}) {
    genai_error detail{};
    genai_wait limits = w.c();
    genai_live_message *received = nullptr;
    genai_status status = genai_live_receive(get(), &received, &limits, &detail);
    if (status == GENAI_CLOSED) return std::nullopt;
    internal::check(status, detail);
    return std::optional<message>(std::in_place, received);
  }

  // From where a later session can go on (genai_live_resumption_handle); empty when the service has not said. A secret.
  std::string resumption_handle() const {
    char *text = genai_live_resumption_handle(handle_.get());
    std::string copy = text ? text : "";
    genai_text_free(text);
    return copy;
  }
  std::uint64_t interruptions() const noexcept { return genai_live_interruptions(handle_.get()); }
  void close(const wait &w = {}) {
    genai_error detail{};
    genai_wait limits = w.c();
    internal::check(genai_live_close(get(), &limits, &detail), detail);
  }
  genai_live_session *get() const noexcept { return handle_.get(); }

private:
  static genai_live_connect_params params_of(const char *model, const char *config_json) noexcept {
    genai_live_connect_params params{};
    params.model = model;
    params.config_json = config_json;
    return params;
  }
  std::unique_ptr<genai_live_session, internal::closer> handle_;
};

} // namespace genai

#endif
