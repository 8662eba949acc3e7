/* URLs and loopback hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/http.h"

static void check_slice(http_slice slice, const char *wanted) {
  assert_non_null(slice.data);
  assert_int_equal(slice.size, strlen(wanted));
  assert_memory_equal(slice.data, wanted, slice.size);
}

static void test_right(void **state) {
  (void)state;
  static const struct { const char *text, *scheme, *host; int port; bool given, tls, ip, ipv6; const char *path, *query; } cases[] = {
      {"https://generativelanguage.googleapis.com", "https", "generativelanguage.googleapis.com", 443, 0, 1, 0, 0, "", ""},
      {"HTTPS://Example.COM/", "https", "example.com", 443, 0, 1, 0, 0, "/", ""},
      {"wss://h/ws/a.b/c?key=1&x=%20", "wss", "h", 443, 0, 1, 0, 0, "/ws/a.b/c", "key=1&x=%20"},
      {"ws://localhost:8080", "ws", "localhost", 8080, 1, 0, 0, 0, "", ""},
      {"http://127.0.0.1:1/x//y/", "http", "127.0.0.1", 1, 1, 0, 1, 0, "/x//y/", ""},
      {"http://[::1]", "http", "::1", 80, 0, 0, 1, 1, "", ""},
      {"ws://[2001:DB8::1]:65535/p", "ws", "2001:db8::1", 65535, 1, 0, 1, 1, "/p", ""},
      {"https://host:?q", "https", "host", 443, 0, 1, 0, 0, "", "q"},
      {"https://host?a?b/c@d", "https", "host", 443, 0, 1, 0, 0, "", "a?b/c@d"},
      {"https://xn--bcher-kva.example/@x:1", "https", "xn--bcher-kva.example", 443, 0, 1, 0, 0, "/@x:1", ""},
      {"https://a_b.c-d.example.:443/", "https", "a_b.c-d.example.", 443, 1, 1, 0, 0, "/", ""},
      {"https://127.0.0.1.example", "https", "127.0.0.1.example", 443, 0, 1, 0, 0, "", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    net_url url;
    genai_error error = {0};
    assert_int_equal(net_url_parse(&url, cases[i].text, &error), GENAI_OK);
    assert_string_equal(url.scheme, cases[i].scheme);
    assert_string_equal(url.host, cases[i].host);
    assert_int_equal(url.port, cases[i].port);
    assert_int_equal(url.port_given, cases[i].given);
    assert_int_equal(url.tls, cases[i].tls);
    assert_int_equal(url.ip, cases[i].ip);
    assert_int_equal(url.ipv6, cases[i].ipv6);
    check_slice(url.path, cases[i].path);
    check_slice(url.query, cases[i].query);
    assert_string_equal(error.message, "");
  }
}

#define NO_SCHEME "it does not start with https://, wss://, http:// or ws://"
#define BAD_SCHEME "its scheme is not https, wss, http or ws"
#define USER "it holds a user name or password; give credentials separately"
#define HOST_CHAR "its host holds a character that is not a letter, a digit, '-', '.' or '_' (write other scripts as xn--)"
#define ESCAPE "its path or query holds a space, a control character or a character that is not ASCII; percent-encode it"

static void test_wrong(void **state) {
  (void)state;
  static const struct { const char *text, *why; } cases[] = {
      {NULL, "it is missing"},
      {"", NO_SCHEME},
      {"example.com", NO_SCHEME},
      {"https:/example.com", NO_SCHEME},
      {"ftp://example.com", BAD_SCHEME},
      {"://example.com", BAD_SCHEME},
      {" https://example.com", BAD_SCHEME},
      {"https://", "it names no host"},
      {"https:///path", "it names no host"},
      {"https://:443", "it names no host"},
      {"https://user:SECRET@example.com/", USER},
      {"https://SECRET@[::1]/", USER},
      {"https://ex ample.com", HOST_CHAR},
      {"https://ex%61mple.com", HOST_CHAR},
      {"https://b\xc3\xbc" "cher.example", HOST_CHAR},
      {"https://example.com\r\nX: y", HOST_CHAR},
      {"https://::1/", "an IPv6 address must stand in brackets, as in [::1]"},
      {"https://2001:db8::1:443", "an IPv6 address must stand in brackets, as in [::1]"},
      {"https://host:0", "its port is 0"},
      {"https://host:65536", "its port is above 65535"},
      {"https://host:99999999999999999999", "its port is above 65535"},
      {"https://host:4x", "its port is not a number"},
      {"https://host:-1", "its port is not a number"},
      {"https://[::1", "its IPv6 address has no closing bracket"},
      {"https://[::1]x", "something other than a port follows its IPv6 address"},
      {"https://[]", "its IPv6 address is malformed"},
      {"https://[127.0.0.1]", "its IPv6 address is malformed"},
      {"https://[fe80::1%25eth0]", "its IPv6 address is malformed"},
      {"https://host/a b?key=SECRET", ESCAPE},
      {"https://host/\r\nX-Injected: 1", ESCAPE},
      {"https://host/caf\xc3\xa9", ESCAPE},
      {"https://host/a#b", "it has a fragment ('#'), which no request carries"},
      {"https://host#b", "it has a fragment ('#'), which no request carries"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    net_url url;
    genai_error error = {0};
    char sentence[512];
    snprintf(sentence, sizeof sentence, "The URL cannot be used: %s.", cases[i].why);
    assert_int_equal(net_url_parse(&url, cases[i].text, &error), GENAI_ERROR_ARGUMENT);
    assert_string_equal(error.message, sentence);
    assert_null(strstr(error.message, "SECRET"));
    assert_int_equal(net_url_parse(&url, cases[i].text, NULL), GENAI_ERROR_ARGUMENT);
  }
}

static void test_long_host(void **state) {
  (void)state;
  char text[300] = "https://";
  net_url url;
  genai_error error = {0};
  memset(text + 8, 'h', 255);
  assert_int_equal(net_url_parse(&url, text, &error), GENAI_OK);
  assert_int_equal(strlen(url.host), 255);
  text[8 + 255] = 'h';
  assert_int_equal(net_url_parse(&url, text, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "The URL cannot be used: its host is longer than 255 characters.");
  memset(text + 8, '[', 1);
  memset(text + 9, '1', 256);
  text[8 + 257] = ']';
  assert_int_equal(net_url_parse(&url, text, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "The URL cannot be used: its IPv6 address is malformed.");
}

static void test_loopback(void **state) {
  (void)state;
  static const char *const yes[] = {"localhost", "LocalHost", "localhost.", "a.localhost", "a.b.localhost.", "127.0.0.1",
                                    "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"};
  static const char *const no[] = {"", ".", "localhost.example", "notlocalhost", ".localhost", "local", "127.0.0.1.example",
                                   "127.1", "128.0.0.1", "0.0.0.0", "::", "::2", "fe80::1", "::ffff:10.0.0.1", "localhost.."};
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) assert_true(net_host_is_loopback(yes[i]));
  for (size_t i = 0; i < sizeof no / sizeof *no; i++) assert_false(net_host_is_loopback(no[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_right),
      cmocka_unit_test(test_wrong),
      cmocka_unit_test(test_long_host),
      cmocka_unit_test(test_loopback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
