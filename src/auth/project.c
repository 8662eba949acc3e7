#include "auth/project.h"

#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "net/http.h"
#include "net/request.h"

enum { URL_MAX = 512, PROJECT_MAX = 256 };

static const char PATH[] = "/computeMetadata/v1/project/project-id";

/* On the stack of who waits. */
typedef struct question {
  net_task task;
  net_loop *loop;
  net_url url;
  uint32_t timeout_ms;
  net_request *request;
  uv_mutex_t mutex;
  uv_cond_t cond;
  bool answered;
  int http_status;
  genai_error error; /* why there was no answer */
  char project[PROJECT_MAX];
} question;

static void tell(question *q) {
  uv_mutex_lock(&q->mutex);
  q->answered = true;
  uv_cond_signal(&q->cond);
  uv_mutex_unlock(&q->mutex);
}

static void on_answer(void *user, const genai_error *error, int status, const char *body, size_t size) {
  question *q = user;
  q->error = *error;
  q->http_status = status;
  while (size && strchr("\r\n ", body[size - 1])) size--;
  if (status == 200 && size < sizeof q->project && !memchr(body, '\0', size)) memcpy(q->project, body, size);
  tell(q);
}

static void ask(net_task *task) {
  static const genai_string_pair headers[] = {{"Metadata-Flavor", "Google"}};
  static const net_proxy direct = {.kind = NET_PROXY_NONE};
  question *q = (question *)((char *)task - offsetof(question, task));
  net_request_params params = {.target = {q->url.host, q->url.port, NULL, NULL, &direct}, .method = "GET", .path = PATH,
                               .headers = headers, .header_count = 1, .keep = PROJECT_MAX, .timeout_ms = q->timeout_ms};
  if (net_request_start(&q->request, q->loop, &params, on_answer, q, &q->error) != GENAI_OK) tell(q);
}

static genai_status parse_host(net_url *url, const char *host, genai_error *error) {
  buf text;
  genai_error fault = {0};
  buf_init(&text, URL_MAX);
  buf_format(&text, "http://%s", host);
  const char *whole = buf_cstr(&text);
  genai_status status = whole ? net_url_parse(url, whole, &fault) : error_memory(&fault);
  buf_deinit(&text);
  if (status == GENAI_OK || status == GENAI_ERROR_MEMORY) return status == GENAI_OK ? status : error_memory(error);
  return error_set(error, GENAI_ERROR_CREDENTIALS, "GCE_METADATA_HOST names no host that can be asked for a project. %s", fault.message);
}

/* The letters of a project: what else comes is a captive portal's page. */
static bool is_project(const char *text) {
  return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-:.")];
}

static genai_status judge(char **project, const question *q, genai_error *error) {
  if (q->error.status == GENAI_ERROR_MEMORY) return error_memory(error);
  if (q->error.status == GENAI_OK && is_project(q->project)) {
    *project = mem_strdup(q->project);
    return *project ? GENAI_OK : error_memory(error);
  }
  error_set(error, GENAI_ERROR_CREDENTIALS,
            "There is no project: neither the program nor GOOGLE_CLOUD_PROJECT names one, no credentials were found that have one, and ");
  if (q->error.status != GENAI_OK)
    error_append(error, "no metadata server answered (this is no machine of Google Cloud?): %s", q->error.message);
  else if (q->http_status != 200)
    error_append(error, "the metadata server %s answered HTTP %d.", q->url.host, q->http_status);
  else
    error_append(error, "the metadata server %s answered with something else.", q->url.host);
  if (error) {
    error->os_error = q->error.os_error;
    error->http_status = q->http_status == 200 ? 0 : q->http_status;
  }
  return GENAI_ERROR_CREDENTIALS;
}

genai_status project_ask(char **project, net_loop *loop, const char *host, uint32_t timeout_ms, genai_error *error) {
  question q = {.task.run = ask, .loop = loop, .timeout_ms = timeout_ms};
  *project = NULL;
  genai_status status = parse_host(&q.url, host, error);
  if (status != GENAI_OK) return status;
  if (uv_mutex_init(&q.mutex)) return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex left.");
  if (uv_cond_init(&q.cond)) {
    uv_mutex_destroy(&q.mutex);
    return error_set(error, GENAI_ERROR_SYSTEM, "The system has no condition left.");
  }
  net_loop_post(loop, &q.task);
  uv_mutex_lock(&q.mutex);
  while (!q.answered) uv_cond_wait(&q.cond, &q.mutex);
  uv_mutex_unlock(&q.mutex);
  uv_cond_destroy(&q.cond);
  uv_mutex_destroy(&q.mutex);
  return judge(project, &q, error);
}
