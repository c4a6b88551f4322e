#include "tsdb/index/flat_id_table.h"

#include <map>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

// Goal: finds exactly what was inserted and not erased, also with many equal hashes. Method: random
// operations against a map.
TEST(FlatIdTable, BehavesAsAMapUnderInsertAndErase) {
  util::Random random(1);
  FlatIdTable table;
  std::map<std::uint32_t, std::uint32_t> model;  // id → hash
  for (std::uint32_t id = 1; id < 20000; ++id) {
    const auto hash =
        static_cast<std::uint32_t>(random.below(2) == 0 ? random.below(50) : random.next());
    table.insert(hash, id);
    model.emplace(id, hash);
    while (random.below(100) < 40 && !model.empty()) {
      auto victim = model.lower_bound(static_cast<std::uint32_t>(random.below(id)));
      if (victim == model.end()) victim = model.begin();
      table.erase(victim->second, victim->first);
      EXPECT_EQ(
          table.find(victim->second, [&](std::uint32_t found) { return found == victim->first; }),
          0U);
      model.erase(victim);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (const auto& [id, hash] : model) {
    EXPECT_EQ(table.find(hash, [wanted = id](std::uint32_t found) { return found == wanted; }), id);
  }
}

}  // namespace
}  // namespace narthex::tsdb
