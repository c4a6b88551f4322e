#include "narthex/util/slot_file.h"

#include <gtest/gtest.h>

#include "narthex/util/env.h"

namespace narthex::util {
namespace {

TEST(SlotFile, OverwritesInPlaceAndPads) {
  const std::string path = testing::TempDir() + "/slots";
  auto file = SlotFile::create(path, "[", 3, 4);
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_TRUE((*file)->write(1, "abcd"));
  ASSERT_TRUE((*file)->write(2, "xy"));
  ASSERT_TRUE((*file)->write(1, "e"));
  const std::string expected = std::string("[") + std::string(4, '\0') + "e" +
                               std::string(3, '\0') + "xy" + std::string(2, '\0');
  EXPECT_EQ(posix_env().read_file(path, 1'000).value(), expected);
}

TEST(SlotFile, NamesWhatItCannotCreate) {
  const auto file = SlotFile::create(testing::TempDir() + "/no/such/folder", "", 1, 1);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message().find("/no/such/folder"), std::string::npos);
}

}  // namespace
}  // namespace narthex::util
