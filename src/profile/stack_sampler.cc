#include "profile/stack_sampler.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <execinfo.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#include "narthex/util/check.h"

namespace narthex::profile {
namespace {

// Both are touched by the handler, in this order: inside before the sampler is read, so that
// whoever takes the sampler away and then sees nobody inside knows that nobody will come
// (sequentially consistent).
std::atomic<StackSampler*> active{nullptr};
std::atomic<int> inside{0};

void* interrupted_address(const void* context) noexcept {
  const auto& machine = static_cast<const ::ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of code.
  return reinterpret_cast<void*>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of code.
  return reinterpret_cast<void*>(machine.pc);
#else
#error "the program counter of this architecture is not known here"
#endif
}

void set_timer(std::int64_t period_us) {
  ::itimerval timer{};
  timer.it_interval.tv_usec = period_us;
  timer.it_value = timer.it_interval;
  NX_CHECK(::setitimer(ITIMER_PROF, &timer, nullptr) == 0, "setitimer(ITIMER_PROF): errno {}",
           errno);
}

}  // namespace

StackSampler::StackSampler() : slots_(std::make_unique<std::array<Slot, kSlots>>()) {
  // The first call loads the unwinder, which is not for a signal handler to do.
  std::array<void*, 4> frames{};
  ::backtrace(frames.data(), static_cast<int>(frames.size()));

  StackSampler* none = nullptr;
  NX_CHECK(active.compare_exchange_strong(none, this), "another sampler is at work");
  struct ::sigaction action{};
  action.sa_sigaction = [](int signal, ::siginfo_t*, void* context) { on_signal(signal, context); };
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  NX_CHECK(::sigaction(SIGPROF, &action, nullptr) == 0, "sigaction(SIGPROF): errno {}", errno);
  set_timer(1'000'000 / kSamplesPerSecond);
}

StackSampler::~StackSampler() {
  // The handler stays: a signal that is on its way must not end the process.
  set_timer(0);
  active.store(nullptr);
  while (inside.load() != 0) std::this_thread::yield();
}

void StackSampler::on_signal(int /*signal*/, void* context) noexcept {
  const int saved = errno;
  inside.fetch_add(1);
  if (StackSampler* sampler = active.load()) sampler->take_sample(interrupted_address(context));
  inside.fetch_sub(1);
  errno = saved;
}

void StackSampler::take_sample(void* interrupted_at) noexcept {
  Slot& slot =
      (*slots_)[next_.fetch_add(1, std::memory_order_relaxed) % kSlots];  // Any slot will do.
  SlotState free = SlotState::kFree;
  // Acquire: drain() has read the frames before it freed the slot.
  if (!slot.state.compare_exchange_strong(free, SlotState::kFilling, std::memory_order_acquire)) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const int depth = ::backtrace(slot.frames.data(), static_cast<int>(slot.frames.size()));
  auto* const end = slot.frames.data() + std::max(depth, 0);
  // In front of what was interrupted stand this function and the signal's own frames.
  auto* const begin = std::find(slot.frames.data(), end, interrupted_at);
  if (begin == end) {
    slot.frames[0] = interrupted_at;
    slot.depth = 1;
  } else {
    slot.depth = static_cast<std::size_t>(end - begin);
    std::copy(begin, end, slot.frames.data());
  }
  slot.state.store(SlotState::kFull, std::memory_order_release);  // Partner: drain().
}

void StackSampler::drain(const std::function<void(std::span<const std::uintptr_t>)>& take) {
  std::array<std::uintptr_t, kDepthMax> stack{};
  for (Slot& slot : *slots_) {
    if (slot.state.load(std::memory_order_acquire) != SlotState::kFull) continue;
    for (std::size_t i = 0; i < slot.depth; ++i)
      stack[i] = reinterpret_cast<std::uintptr_t>(slot.frames[i]);
    take({stack.data(), slot.depth});
    slot.state.store(SlotState::kFree, std::memory_order_release);
  }
}

}  // namespace narthex::profile
