#include "narthex/async/task.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include "narthex/util/check.h"
#include "narthex/util/log.h"

namespace narthex::async {

struct TaskGroup::State {
  // A running coroutine: its cancellation signal may only be emitted on the strand that it runs on.
  struct Entry {
    explicit Entry(asio::any_io_executor s) : strand(std::move(s)) {}
    asio::any_io_executor strand;
    asio::cancellation_signal signal;
  };

  State(asio::any_io_executor e, std::string n) : executor(std::move(e)), name(std::move(n)) {}

  const asio::any_io_executor executor;
  const std::string name;
  util::Mutex mutex;
  util::CondVar ended;
  std::list<std::shared_ptr<Entry>> entries NX_GUARDED_BY(mutex);
  bool stopping NX_GUARDED_BY(mutex) = false;
};

TaskGroup::TaskGroup(asio::any_io_executor executor, std::string name)
    : state_(std::make_shared<State>(std::move(executor), std::move(name))) {}

TaskGroup::~TaskGroup() {
  NX_CHECK(running() == 0, "task group {} destroyed with {} coroutines running", state_->name,
           running());
}

namespace {

void report(const std::string& group, std::exception_ptr thrown, const util::Result<void>& result) {
  if (thrown) {
    try {
      std::rethrow_exception(std::move(thrown));
    } catch (const std::exception& e) {
      util::log_error("Task ended with an exception", {{"group", group}, {"err", e.what()}});
    }
    return;
  }
  if (!result && result.error().code() != util::Code::kCanceled) {
    util::log_error("Task failed", {{"group", group}, {"err", result.error()}});
  }
}

}  // namespace

namespace {

// By default Asio throws at the first wait after a cancellation; our coroutines get an error code
// instead.
Task<void> without_throwing(Task<void> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(task);
}

}  // namespace

bool TaskGroup::spawn(Task<void> task) {
  return spawn_on(asio::make_strand(state_->executor), std::move(task));
}

bool TaskGroup::spawn_on(asio::any_io_executor serial, Task<void> task) {
  std::shared_ptr<State::Entry> entry;
  std::list<std::shared_ptr<State::Entry>>::iterator position;
  {
    const util::MutexLock lock(state_->mutex);
    if (state_->stopping) return false;
    entry = std::make_shared<State::Entry>(std::move(serial));
    position = state_->entries.insert(state_->entries.end(), entry);
  }
  auto on_end = [state = state_, entry, position](std::exception_ptr thrown,
                                                  util::Result<void> result) {
    report(state->name, std::move(thrown), result);
    const util::MutexLock lock(state->mutex);
    state->entries.erase(position);
    if (state->entries.empty()) state->ended.notify_all();
  };
  asio::co_spawn(entry->strand, without_throwing(std::move(task)),
                 asio::bind_cancellation_slot(entry->signal.slot(), std::move(on_end)));
  return true;
}

void TaskGroup::cancel() {
  std::list<std::shared_ptr<State::Entry>> entries;
  {
    const util::MutexLock lock(state_->mutex);
    state_->stopping = true;
    entries = state_->entries;
  }
  for (const auto& entry : entries) {
    // Posted, not called: the strand orders it behind the coroutine's own steps.
    asio::dispatch(entry->strand,
                   [entry] { entry->signal.emit(asio::cancellation_type::terminal); });
  }
}

void TaskGroup::stop() {
  cancel();
  const util::MutexLock lock(state_->mutex);
  state_->ended.wait(state_->mutex,
                     [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return state_->entries.empty(); });
}

std::size_t TaskGroup::running() const {
  const util::MutexLock lock(state_->mutex);
  return state_->entries.size();
}

}  // namespace narthex::async
