// The narthex binary: flags, signals, exit codes.
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

#include <fmt/format.h>
#include <jemalloc/jemalloc.h>

#include "narthex/server/build_info.h"
#include "narthex/server/daemon.h"
#include "narthex/util/log.h"

#include "cli/flags.h"

namespace narthex::cli {
namespace {

constexpr int kExitFatal = 1;
constexpr int kExitBadConfiguration = 2;

// Signals come in on one thread that waits for them: handlers proper may do almost nothing.
class SignalThread {
 public:
  // Blocks the signals in this thread and in all that it starts: to be made before any other
  // thread.
  SignalThread() {
    sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&set_, number);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    // A client that leaves is an error code of write(), not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
  }
  void start(server::Daemon& daemon) {
    thread_ = std::thread([this, &daemon] { run(daemon); });
  }
  void join() {
    if (!thread_.joinable()) return;
    pthread_kill(thread_.native_handle(),
                 SIGUSR1);  // Our own word for "no more signals to wait for".
    thread_.join();
  }

 private:
  void run(server::Daemon& daemon) {
    for (;;) {
      int number = 0;
      if (sigwait(&set_, &number) != 0) continue;
      if (number == SIGUSR1) return;
      if (number == SIGHUP) {
        daemon.request_reload();
        continue;
      }
      util::log_warn("Received an OS signal, exiting gracefully...",
                     {{"signal", number == SIGTERM ? "terminated" : "interrupt"}});
      daemon.request_stop();
    }
  }
  sigset_t set_{};
  std::thread thread_;
};

int run(const std::vector<std::string>& arguments) {
  SignalThread signals;
  ParseOutcome parsed = parse_command_line(arguments);
  if (parsed.kind == ParseOutcome::Kind::kPrint) {
    std::fputs(parsed.text.c_str(), stdout);
    return 0;
  }
  if (parsed.kind == ParseOutcome::Kind::kFail) {
    std::fputs(parsed.text.c_str(), stderr);
    return parsed.exit_code;
  }
  CommandLine& command_line = parsed.command_line;
  util::configure_log(command_line.log_level, command_line.log_format);
  util::log_info("Starting Narthex", {{"version", server::build_info().version},
                                      {"revision", server::build_info().revision}});
  for (const std::string& warning : command_line.warnings) util::log_warn(warning);

  auto daemon = server::Daemon::create(std::move(command_line.server));
  if (!daemon) {
    util::log_error("Cannot start", {{"err", daemon.error()}});
    return daemon.error().code() == util::Code::kInvalidArgument ? kExitBadConfiguration
                                                                 : kExitFatal;
  }
  signals.start(**daemon);
  const auto ended = (*daemon)->run();
  signals.join();
  if (!ended) {
    util::log_error("Stopped because of an error", {{"err", ended.error()}});
    return kExitFatal;
  }
  util::log_info("See you next time!");
  return 0;
}

}  // namespace
}  // namespace narthex::cli

// Read by jemalloc before main; the environment variable MALLOC_CONF overrides it. What queries
// have freed goes back to the system soon, by a thread for it, and is there for those that follow
// at once.
const char* malloc_conf = "background_thread:true,dirty_decay_ms:200,muzzy_decay_ms:0";

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return narthex::cli::run(arguments);
}
