#include "tsdb/compact/uploaded_blocks.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace narthex::tsdb {
namespace {

TEST(UploadedBlocks, AreReadAsTheSidecarWritesThem) {
  const auto names = parse_uploaded_blocks(
      "{\n\t\"version\": 1,\n\t\"uploaded\": "
      "[\n\t\t\"01HB7B9BZ4JJ90M8X0GRC1EF6K\",\n\t\t\"b\"\n\t]\n}");
  ASSERT_TRUE(names) << names.error().message();
  EXPECT_EQ(*names, (BlockNames{"01HB7B9BZ4JJ90M8X0GRC1EF6K", "b"}));
  // Before the first upload.
  EXPECT_TRUE(parse_uploaded_blocks(R"({"version":1,"uploaded":null})")->empty());
  EXPECT_TRUE(parse_uploaded_blocks(R"({"version":1})")->empty());
}

TEST(UploadedBlocks, WhatIsNoSuchFileIsAnError) {
  for (const char* text : {"", "{", "[]", "{}", R"({"version":2,"uploaded":[]})",
                           R"({"version":1,"uploaded":{}})", R"({"version":1,"uploaded":[1]})"}) {
    const auto names = parse_uploaded_blocks(text);
    ASSERT_FALSE(names) << text;
    EXPECT_EQ(names.error().code(), util::Code::kCorruption) << text;
  }
}

TEST(UploadedBlocks, AFileThatIsNotThereIsToldApart) {
  const test::TempDir dir;
  const auto names = read_uploaded_blocks(util::posix_env(), dir.path() + "/none.json");
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code(), util::Code::kNotFound);
}

}  // namespace
}  // namespace narthex::tsdb
