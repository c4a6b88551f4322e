#include "narthex/api/api.h"

#include <array>

#include <fmt/format.h>

#include "api/batch.h"
#include "api/endpoints.h"
#include "api/exposition_format.h"
#include "api/federation.h"
#include "api/json.h"
#include "api/params.h"
#include "api/pprof.h"
#include "api/routes.h"
#include "api/self_metrics.h"

namespace narthex::api {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
// As much as Go reads of a form.
constexpr std::size_t kFormBytesMax = 10U << 20U;

void set_cors(const Api::State& api, const http::Request& request, http::ResponseWriter& out) {
  out.add_header("Vary", "Origin");
  const std::string_view origin = request.headers.get("Origin");
  if (origin.empty()) return;
  out.set_header("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Origin");
  out.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  out.set_header("Access-Control-Expose-Headers", "Date");
  if (api.cors_origin.matches(origin)) out.set_header("Access-Control-Allow-Origin", origin);
}

// False when it has answered 503.
bool check_ready(const Api::State& api, http::ResponseWriter& out) {
  const Readiness readiness = api.readiness;
  if (readiness == Readiness::kReady) return true;
  out.set_header("X-Prometheus-Stopping", readiness == Readiness::kStopping ? "true" : "false");
  out.send(503, kPlainText, "Service Unavailable");
  return false;
}

http::Handler endpoint_handler(const Api::State& api, const EndpointRoute& route) {
  return [&api, &route](const http::Request& request, http::ResponseWriter& out) {
    if (route.needs == Needs::kReady && !check_ready(api, out)) return;
    set_cors(api, request, out);
    const http::Form params = request_params(request);
    const Call call{api, request, params, out};
    ApiResult<void> result = check_parameters(route.parameters, params);
    if (result) result = route.endpoint(call);
    if (!result && !out.started()) send_error(out, result.error());
  };
}

void send_text(http::ResponseWriter& out, int status, std::string text) {
  out.send(status, kPlainText, std::move(text));
}

void handle_reload(const Api::State& api, http::ResponseWriter& out) {
  const util::Result<void> reloaded = api.callbacks.reload();
  if (reloaded) {
    out.send(200, "", "");
    return;
  }
  out.set_header("X-Content-Type-Options", "nosniff");
  send_text(out, 500, "failed to reload config: " + reloaded.error().message() + "\n");
}

// PR-F4: protobuf if it is asked for, else text 0.0.4.
void send_metrics(const Api::State& api, const http::Request& request, http::ResponseWriter& out) {
  const Exposition exposition = negotiate_exposition(request.headers.get("Accept"));
  std::vector<telemetry::FamilySnapshot> families = api.registry.snapshot();
  for (telemetry::FamilySnapshot& family : families) {
    family.name = escaped_name(family.name, exposition.escaping);
    for (telemetry::FamilySnapshot::Member& member : family.members) {
      for (auto& [name, value] : member.labels) name = escaped_name(name, exposition.escaping);
    }
  }
  std::string body;
  if (is_protobuf(exposition.format)) {
    append_protobuf_families(body, families);
    body = in_protobuf_format(std::move(body), exposition.format);
  } else {
    telemetry::append_text(body, families);
  }
  out.send(200, content_type_of(exposition), std::move(body));
}

void handle_quit(Api::State& api, http::ResponseWriter& out) {
  if (api.quitting.exchange(true)) {
    send_text(out, 200, "Termination already in progress.");
    return;
  }
  send_text(out, 200, "Requesting termination... Goodbye!");
  api.callbacks.quit();
}

}  // namespace

Api::Api(std::unique_ptr<State> state) : state_(std::move(state)) {}
Api::~Api() = default;

util::Result<std::unique_ptr<Api>> Api::create(Options options, Callbacks callbacks,
                                               util::Clock& clock, telemetry::Registry& registry) {
  auto cors = model::Regex::compile(options.cors_origin);
  if (!cors) {
    return util::fail(util::Code::kInvalidArgument,
                      fmt::format("could not compile CORS regex string \"{}\": {}",
                                  options.cors_origin, cors.error().message()));
  }
  auto state = std::make_unique<State>(std::move(options), std::move(callbacks), clock, registry,
                                       std::move(*cors));
  return std::unique_ptr<Api>(new Api(std::move(state)));
}

namespace {

// Compression would hold back what is to be seen as it happens.
http::Compress compression_of(Answer answer) noexcept {
  return answer == Answer::kEvents || answer == Answer::kLines || answer == Answer::kBatch
             ? http::Compress::kNever
             : http::Compress::kIfAccepted;
}

}  // namespace

void Api::register_routes(http::Router& router) {
  State& api = *state_;
  const std::string& prefix = api.options.route_prefix;
  const auto add = [&router, &prefix](std::vector<std::string> methods, std::string_view pattern,
                                      http::Handler handler,
                                      http::Compress compress = http::Compress::kIfAccepted,
                                      std::size_t body_bytes_max = kFormBytesMax) {
    http::Route route;
    route.methods = std::move(methods);
    route.pattern = prefix + std::string(pattern);
    route.handler = std::move(handler);
    route.body_bytes_max = body_bytes_max;
    route.compress = compress;
    router.add(std::move(route));
  };
  for (const EndpointRoute& each : endpoint_routes()) {
    add(each.methods, std::string(each.prefix) + std::string(each.pattern),
        endpoint_handler(api, each), compression_of(each.answer),
        each.body == Body::kBatch ? kBatchBytesMax : kFormBytesMax);
  }
  add({"OPTIONS"}, std::string(kApiPrefix) + "/*path",
      [&api](const http::Request& request, http::ResponseWriter& out) {
        set_cors(api, request, out);
        out.send(204, "", "");
      });

  add({"GET", "HEAD"}, "/-/healthy", [](const http::Request&, http::ResponseWriter& out) {
    send_text(out, 200, "Prometheus Server is Healthy.\n");
  });
  add({"GET", "HEAD"}, "/-/ready", [&api](const http::Request&, http::ResponseWriter& out) {
    if (check_ready(api, out)) send_text(out, 200, "Prometheus Server is Ready.\n");
  });
  const http::Handler reload = [&api](const http::Request&, http::ResponseWriter& out) {
    handle_reload(api, out);
  };
  const http::Handler quit = [&api](const http::Request&, http::ResponseWriter& out) {
    handle_quit(api, out);
  };
  const http::Handler disabled = [](const http::Request&, http::ResponseWriter& out) {
    send_text(out, 403, "Lifecycle API is not enabled.");
  };
  const http::Handler wrong_method = [](const http::Request&, http::ResponseWriter& out) {
    send_text(out, 405, "Only POST or PUT requests allowed");
  };
  const bool lifecycle = api.options.enable_lifecycle;
  add({"POST", "PUT"}, "/-/reload", lifecycle ? reload : disabled);
  add({"POST", "PUT"}, "/-/quit", lifecycle ? quit : disabled);
  add({"GET"}, "/-/reload", wrong_method);
  add({"GET"}, "/-/quit", wrong_method);

  add({"GET"}, "/version", [&api](const http::Request&, http::ResponseWriter& out) {
    std::string body;
    append_build_info(body, api.options.build);
    send_text(out, 200, body + "\n");
  });
  add({"GET"}, "/metrics", [&api](const http::Request& request, http::ResponseWriter& out) {
    api.metric_handler.count([&] { send_metrics(api, request, out); });
  });

  add({"GET", "POST"}, "/debug/*subpath", handle_debug);

  add({"GET"}, "/federate", [&api](const http::Request& request, http::ResponseWriter& out) {
    if (check_ready(api, out)) federate(api, request, out);
  });

  http::Route write;
  write.methods = {"POST"};
  write.pattern = prefix + std::string(kApiPrefix) + "/write";
  write.body_bytes_max = RemoteWriteReceiver::kBodyBytesMax;
  write.compress = http::Compress::kNever;
  if (api.options.enable_remote_write_receiver) {
    write.handler = [&api](const http::Request& request, http::ResponseWriter& out) {
      if (check_ready(api, out)) api.remote_write->handle(request, out);
    };
  } else {
    write.handler = [](const http::Request&, http::ResponseWriter& out) {
      out.set_header("X-Content-Type-Options", "nosniff");
      send_text(
          out, 404,
          "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n");
    };
  }
  router.add(std::move(write));
}

namespace {

// As metrics name a route: without the prefix.
std::string_view handler_label(const Api::State& api, std::string_view pattern) {
  const std::string& prefix = api.options.route_prefix;
  if (pattern.starts_with(prefix)) pattern.remove_prefix(prefix.size());
  return pattern;
}

}  // namespace

http::RequestObserver Api::observer() {
  return [state = state_.get()](const http::RequestSummary& request) {
    state->metrics.observe(handler_label(*state, request.pattern), request);
  };
}

void Api::announce_handlers(const http::Router& router) {
  for (const http::Route& route : router.routes()) {
    const std::string_view handler = handler_label(*state_, route.pattern);
    if (!handler.empty()) state_->metrics.announce(handler);
  }
}

std::vector<telemetry::Registry::Callback> Api::listener_metrics(telemetry::Registry& registry,
                                                                 const http::Server& server) {
  const telemetry::LabelPairs labels = {{"listener_name", "http"}};
  std::vector<telemetry::Registry::Callback> handles;
  handles.push_back(registry.callback(
      telemetry::FamilyType::kCounter, "net_conntrack_listener_conn_accepted_total",
      "Connections that the server accepted.", labels,
      [&server] { return static_cast<double>(server.counts().accepted); }));
  handles.push_back(
      registry.callback(telemetry::FamilyType::kCounter, "net_conntrack_listener_conn_closed_total",
                        "Accepted connections that have ended.", labels,
                        [&server] { return static_cast<double>(server.counts().closed); }));
  return handles;
}

void Api::set_ready(const Backends& backends) {
  state_->backends = backends;
  state_->remote_write = std::make_unique<RemoteWriteReceiver>(
      *backends.appender, state_->clock, state_->registry,
      RemoteWriteReceiver::Options{state_->options.start_timestamps,
                                   state_->options.type_and_unit_labels,
                                   state_->options.remote_write_messages});
  state_->readiness = Readiness::kReady;
  state_->notifications.remove(kNotifyStarting);
}

void Api::set_reload_succeeded(bool succeeded) {
  if (succeeded) {
    state_->notifications.remove(kNotifyReloadFailed);
  } else {
    state_->notifications.add(kNotifyReloadFailed);
  }
}

void Api::set_read_only(bool read_only) {
  if (read_only) {
    state_->notifications.add(kNotifyDiskFull);
  } else {
    state_->notifications.remove(kNotifyDiskFull);
  }
}

void Api::set_stopping() {
  state_->readiness = Readiness::kStopping;
  state_->notifications.add(kNotifyStopping);
  state_->notifications.close();
}

}  // namespace narthex::api
