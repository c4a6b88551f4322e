#include <limits>
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "narthex/util/env.h"

#include "support/temp_dir.h"

namespace narthex::util {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

class PosixEnv : public ::testing::Test {
 protected:
  void write(const std::string& path, std::string_view content) {
    auto file = env_.open_writable(path, WriteMode::kTruncate);
    ASSERT_TRUE(file.has_value()) << file.error().message();
    ASSERT_TRUE((*file)->append(content).has_value());
    ASSERT_TRUE((*file)->close().has_value());
  }
  std::string content(const std::string& path) {
    auto read = env_.read_file(path, kNoLimit);
    return read ? *read : "error: " + read.error().message();
  }

  test::TempDir dir_;
  Env& env_ = posix_env();
};

TEST_F(PosixEnv, ModesTruncateAppendAndRefuse) {
  const std::string path = dir_ / "f";
  write(path, "first");
  {
    auto file = env_.open_writable(path, WriteMode::kAppend);
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ((*file)->size_bytes(), 5U);
    ASSERT_TRUE((*file)->append("+second").has_value());
    EXPECT_EQ((*file)->size_bytes(), 12U);
    ASSERT_TRUE((*file)->sync().has_value());
  }
  EXPECT_EQ(content(path), "first+second");
  const auto exclusive = env_.open_writable(path, WriteMode::kExclusive);
  ASSERT_FALSE(exclusive.has_value());
  EXPECT_EQ(exclusive.error().code(), Code::kAlreadyExists);
  write(path, "");
  EXPECT_EQ(content(path), "");
}

TEST_F(PosixEnv, TruncateCutsAndTheNextAppendContinuesThere) {
  const std::string path = dir_ / "f";
  auto file = env_.open_writable(path, WriteMode::kTruncate);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->append("0123456789").has_value());
  ASSERT_TRUE((*file)->truncate(4).has_value());
  EXPECT_EQ((*file)->size_bytes(), 4U);
  ASSERT_TRUE((*file)->append("x").has_value());
  EXPECT_EQ(content(path), "0123x");
}

TEST_F(PosixEnv, AClosedFileRefusesEverything) {
  auto file = env_.open_writable(dir_ / "f", WriteMode::kTruncate);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->close().has_value());
  EXPECT_FALSE((*file)->close().has_value());
  EXPECT_FALSE((*file)->append("x").has_value());
  EXPECT_FALSE((*file)->sync().has_value());
}

TEST_F(PosixEnv, ReadFileIsBoundedByWhatItSees) {
  const std::string path = dir_ / "f";
  write(path, "12345");
  EXPECT_EQ(*env_.read_file(path, 5), "12345");
  const auto over = env_.read_file(path, 4);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().code(), Code::kLimitExceeded);
  const std::string large(200'000, 'x');
  write(path, large);
  EXPECT_EQ(content(path), large);
  // A file that claims no size.
  const auto proc = env_.read_file("/proc/self/status", 1U << 20U);
  ASSERT_TRUE(proc.has_value());
  EXPECT_FALSE(proc->empty());
}

TEST_F(PosixEnv, ReadAtGivesExactlyWhatWasAskedOrSaysTruncated) {
  const std::string path = dir_ / "f";
  write(path, "0123456789");
  const auto file = env_.open_random_access(path);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ((*file)->size_bytes(), 10U);
  std::string out(4, '\0');
  ASSERT_TRUE((*file)->read_at(6, out).has_value());
  EXPECT_EQ(out, "6789");
  const auto past = (*file)->read_at(7, out);
  ASSERT_FALSE(past.has_value());
  EXPECT_EQ(past.error().code(), Code::kTruncated);
  EXPECT_TRUE((*file)->read_at(100, std::span<char>{}).has_value());
}

TEST_F(PosixEnv, MappedBytesEqualTheFileAndAnEmptyFileMapsToNothing) {
  const std::string path = dir_ / "f";
  write(path, "mapped");
  const auto file = env_.map_file(path);
  ASSERT_TRUE(file.has_value());
  // An unlinked file stays readable through its mapping.
  ASSERT_TRUE(env_.remove_file(path).has_value());
  EXPECT_EQ((*file)->bytes(), "mapped");
  write(path, "");
  const auto empty = env_.map_file(path);
  ASSERT_TRUE(empty.has_value());
  EXPECT_TRUE((*empty)->bytes().empty());
  EXPECT_FALSE(env_.map_file(dir_.path()).has_value());
}

TEST_F(PosixEnv, ListsSortedAndSurvivesADanglingLink) {
  write(dir_ / "b", "");
  write(dir_ / "a", "");
  ASSERT_TRUE(env_.create_dirs(dir_ / "d/e/f").has_value());
  ASSERT_TRUE(env_.create_dirs(dir_ / "d/e/f").has_value());
  ASSERT_EQ(::symlink("nowhere", (dir_ / "c").c_str()), 0);
  const auto entries = env_.list_dir(dir_.path());
  ASSERT_TRUE(entries.has_value()) << entries.error().message();
  std::string seen;
  for (const DirEntry& entry : *entries) seen += entry.name + (entry.is_directory ? "/ " : " ");
  EXPECT_EQ(seen, "a b c d/ ");
  EXPECT_EQ(env_.list_dir(dir_ / "missing").error().code(), Code::kNotFound);
}

TEST_F(PosixEnv, RenamesLinksAndRemoves) {
  const std::string from = dir_ / "from";
  const std::string to = dir_ / "to";
  write(from, "new");
  write(to, "old");
  ASSERT_TRUE(env_.link(from, dir_ / "linked").has_value());
  ASSERT_TRUE(env_.rename(from, to).has_value());
  EXPECT_FALSE(env_.exists(from));
  EXPECT_EQ(content(to), "new");
  EXPECT_EQ(content(dir_ / "linked"), "new");
  EXPECT_EQ(*env_.file_size(to), 3U);
  EXPECT_TRUE(env_.sync_dir(dir_.path()).has_value());
  ASSERT_TRUE(env_.remove_file(to).has_value());
  EXPECT_EQ(env_.remove_file(to).error().code(), Code::kNotFound);
  ASSERT_TRUE(env_.create_dirs(dir_ / "tree/deep").has_value());
  write(dir_ / "tree/deep/f", "x");
  EXPECT_TRUE(env_.remove_all(dir_ / "tree").has_value());
  EXPECT_TRUE(env_.remove_all(dir_ / "tree").has_value());
  EXPECT_FALSE(env_.exists(dir_ / "tree"));
}

TEST_F(PosixEnv, AllocatedFilesTakeTheirSpace) {
  const auto space = env_.space(dir_.path());
  ASSERT_TRUE(space.has_value()) << space.error().message();
  EXPECT_GT(space->total_bytes, 0U);
  EXPECT_LE(space->available_bytes, space->total_bytes);
  const std::string path = dir_.path() + "/reserve";
  ASSERT_TRUE(env_.allocate(path, 3 << 20U).has_value());
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 3 << 20U);
  EXPECT_GE(info.st_blocks * 512, 3 << 20U) << "it is no hole";
  EXPECT_EQ(env_.space(dir_.path() + "/absent").error().code(), Code::kNotFound);
  EXPECT_FALSE(env_.allocate(dir_.path() + "/absent/file", 1).has_value());
}

TEST_F(PosixEnv, ErrorsNameThePath) {
  const std::string path = dir_ / "missing/f";
  const auto file = env_.open_writable(path, WriteMode::kTruncate);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code(), Code::kNotFound);
  EXPECT_NE(file.error().message().find(path), std::string::npos);
}

TEST_F(PosixEnv, TheLockIsExclusiveAndReleasedWithItsHolder) {
  const std::string path = dir_ / "lock";
  auto lock = env_.lock_file(path);
  ASSERT_TRUE(lock.has_value());
  const auto second = env_.lock_file(path);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
  EXPECT_NE(second.error().message().find(path), std::string::npos);
  lock->reset();
  EXPECT_TRUE(env_.lock_file(path).has_value());
}

// A process that dies without cleaning up must not leave its directory locked.
TEST_F(PosixEnv, TheLockOfADeadProcessIsFree) {
  const std::string path = dir_ / "lock";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto held = env_.lock_file(path);
    ::_exit(held.has_value() ? 0 : 1);  // The destructor never runs.
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(env_.lock_file(path).has_value());
}

TEST_F(PosixEnv, AtomicWriteLeavesOneFileWithTheNewContent) {
  const std::string path = dir_ / "meta.json";
  ASSERT_TRUE(write_file_atomically(env_, path, "one").has_value());
  ASSERT_TRUE(write_file_atomically(env_, path, "two").has_value());
  EXPECT_EQ(content(path), "two");
  EXPECT_EQ(env_.list_dir(dir_.path())->size(), 1U);
  EXPECT_FALSE(write_file_atomically(env_, dir_ / "no/such/f", "x").has_value());
}

}  // namespace
}  // namespace narthex::util
