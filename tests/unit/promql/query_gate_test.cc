// Who goes through the gate when, with waiters on threads of their own.
#include "promql/engine/query_gate.h"

#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/eventually.h"

namespace narthex::promql {
namespace {

// Enters on a thread of its own, notes its name on the way in and holds the slot until told.
class Visitor {
 public:
  Visitor(QueryGate& gate, QueryWeight weight) {
    thread_ = std::jthread([this, &gate, weight](const std::stop_token&) {
      storage::Deadline deadline;
      deadline.stop = cancel_.get_token();
      const auto pass = gate.enter(deadline, weight);
      state_ = pass ? State::kInside : State::kRefused;
      if (!pass) error_ = pass.error().message();
      go_.wait();
    });
  }
  ~Visitor() {
    cancel();  // A test that failed halfway may leave it in line.
    leave();
  }
  void leave() {
    if (!thread_.joinable()) return;
    go_.count_down();
    thread_.join();
  }
  void cancel() { cancel_.request_stop(); }
  [[nodiscard]] bool inside() const { return state_ == State::kInside; }
  [[nodiscard]] bool refused() const { return state_ == State::kRefused; }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  enum class State { kWaiting, kInside, kRefused };
  std::stop_source cancel_;
  std::latch go_{1};
  std::atomic<State> state_ = State::kWaiting;
  std::string error_;
  std::jthread thread_;
};

// In line behind those before it.
void await_line(const QueryGate& gate, std::size_t length) {
  ASSERT_TRUE(test::eventually([&] { return gate.waiting() == length; })) << gate.waiting();
}

TEST(QueryGate, FreeSlotGoesToWhoeverHasWaitedLongest) {
  QueryGate gate(1);
  Visitor first(gate, QueryWeight::kLight);
  ASSERT_TRUE(test::eventually([&] { return first.inside(); }));
  Visitor second(gate, QueryWeight::kLight);
  await_line(gate, 1);
  Visitor third(gate, QueryWeight::kLight);
  await_line(gate, 2);
  first.leave();
  ASSERT_TRUE(test::eventually([&] { return second.inside(); }));
  EXPECT_FALSE(third.inside());
  second.leave();
  EXPECT_TRUE(test::eventually([&] { return third.inside(); }));
}

TEST(QueryGate, HeavyOnesLeaveAQuarterToLightOnes) {
  QueryGate gate(4);
  std::vector<std::unique_ptr<Visitor>> heavy;
  for (int i = 0; i < 3; ++i) {
    heavy.push_back(std::make_unique<Visitor>(gate, QueryWeight::kHeavy));
    ASSERT_TRUE(test::eventually([&] { return heavy.back()->inside(); }));
  }
  Visitor fourth(gate, QueryWeight::kHeavy);
  await_line(gate, 1);
  {
    Visitor light(gate, QueryWeight::kLight);
    EXPECT_TRUE(test::eventually([&] { return light.inside(); }));
    EXPECT_FALSE(fourth.inside());
  }
  // What a light one frees is no slot for a heavy one.
  await_line(gate, 1);
  heavy.front()->leave();
  EXPECT_TRUE(test::eventually([&] { return fourth.inside(); }));
}

TEST(QueryGate, LightOneThatCameLaterGoesAfterAHeavyOneThatMayGo) {
  QueryGate gate(1);  // No slot is for light ones only.
  Visitor first(gate, QueryWeight::kLight);
  ASSERT_TRUE(test::eventually([&] { return first.inside(); }));
  Visitor heavy(gate, QueryWeight::kHeavy);
  await_line(gate, 1);
  Visitor light(gate, QueryWeight::kLight);
  await_line(gate, 2);
  first.leave();
  ASSERT_TRUE(test::eventually([&] { return heavy.inside(); }));
  EXPECT_FALSE(light.inside());
  heavy.leave();
  EXPECT_TRUE(test::eventually([&] { return light.inside(); }));
}

TEST(QueryGate, OneWhoGivesUpLosesNobodysTurn) {
  QueryGate gate(1);
  Visitor first(gate, QueryWeight::kLight);
  ASSERT_TRUE(test::eventually([&] { return first.inside(); }));
  Visitor second(gate, QueryWeight::kLight);
  await_line(gate, 1);
  Visitor third(gate, QueryWeight::kLight);
  await_line(gate, 2);
  second.cancel();
  ASSERT_TRUE(test::eventually([&] { return second.refused(); }));
  EXPECT_EQ(second.error(), "query was canceled in query execution");
  first.leave();
  EXPECT_TRUE(test::eventually([&] { return third.inside(); }));
}

TEST(QueryGate, CrowdComesThroughWithNoMoreThanTheSlots) {
  constexpr std::size_t kSlots = 3;
  QueryGate gate(kSlots);
  std::atomic<std::size_t> inside = 0;
  std::atomic<std::size_t> most = 0;
  std::atomic<std::size_t> through = 0;
  std::vector<std::jthread> crowd;
  for (int thread = 0; thread < 16; ++thread) {
    crowd.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        const auto weight = (i + thread) % 3 == 0 ? QueryWeight::kHeavy : QueryWeight::kLight;
        const auto pass = gate.enter({}, weight);
        ASSERT_TRUE(pass);
        const std::size_t now = ++inside;
        for (std::size_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        ++through;
        --inside;
      }
    });
  }
  crowd.clear();
  EXPECT_EQ(through, 16U * 200U);
  EXPECT_LE(most, kSlots);
  EXPECT_EQ(gate.waiting(), 0U);
}

}  // namespace
}  // namespace narthex::promql
