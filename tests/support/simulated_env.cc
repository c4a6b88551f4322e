#include "support/simulated_env.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace narthex::test {
namespace {

using util::Code;

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end != begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::unexpected<util::Error> not_there(std::string_view what, const std::string& path) {
  return util::fail(Code::kNotFound, std::string(what) + " " + path + ": no such file");
}

class Mapped final : public util::MappedFile {
 public:
  explicit Mapped(std::string content) : content_(std::move(content)) {}
  [[nodiscard]] std::string_view bytes() const noexcept override { return content_; }

 private:
  std::string content_;
};

class RandomAccess final : public util::RandomAccessFile {
 public:
  explicit RandomAccess(std::string content) : content_(std::move(content)) {}
  util::Result<void> read_at(std::uint64_t offset, std::span<char> out) const override {
    if (offset > content_.size() || content_.size() - offset < out.size())
      return util::fail(Code::kTruncated, "the file ends before");
    std::memcpy(out.data(), content_.data() + offset, out.size());
    return {};
  }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept override { return content_.size(); }

 private:
  std::string content_;
};

class Lock final : public util::FileLock {
 public:
  explicit Lock(std::shared_ptr<int> held) : held_(std::move(held)) {}

 private:
  std::shared_ptr<int> held_;
};

}  // namespace

class SimulatedEnv::Writable final : public util::WritableFile {
 public:
  Writable(SimulatedEnv& env, std::string path, NodePtr node)
      : env_(env), path_(std::move(path)), node_(std::move(node)) {}
  util::Result<void> append(std::string_view bytes) override {
    const util::MutexLock lock(env_.mutex_);
    const auto allowed = env_.ask("write", path_);
    node_->content += allowed ? bytes : bytes.substr(0, bytes.size() / 2);
    return allowed;
  }
  util::Result<void> sync() override {
    const util::MutexLock lock(env_.mutex_);
    NX_TRY(env_.ask("sync", path_));
    node_->durable_content = node_->content;
    return {};
  }
  util::Result<void> truncate(std::uint64_t size_bytes) override {
    const util::MutexLock lock(env_.mutex_);
    NX_TRY(env_.ask("truncate", path_));
    node_->content.resize(size_bytes);
    return {};
  }
  util::Result<void> close() override { return {}; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept override {
    const util::MutexLock lock(env_.mutex_);
    return node_->content.size();
  }

 private:
  SimulatedEnv& env_;
  const std::string path_;
  const NodePtr node_;
};

util::Result<void> SimulatedEnv::ask(std::string_view what, const std::string& path) {
  const std::size_t number = operations_++;
  const auto code = plan_ ? plan_(number) : std::nullopt;
  if (!code) return {};
  return util::fail(*code, std::string(what) + " " + path + ": injected fault");
}

SimulatedEnv::NodePtr SimulatedEnv::find(const std::string& path) const {
  NodePtr node = root_;
  for (const std::string& part : parts_of(path)) {
    const auto it = node->entries.find(part);
    if (it == node->entries.end()) return nullptr;
    node = it->second;
  }
  return node;
}

std::optional<SimulatedEnv::Place> SimulatedEnv::place_of(const std::string& path) const {
  auto parts = parts_of(path);
  if (parts.empty()) return std::nullopt;
  Place place{.directory = root_, .name = parts.back()};
  parts.pop_back();
  for (const std::string& part : parts) {
    const auto it = place.directory->entries.find(part);
    if (it == place.directory->entries.end()) return std::nullopt;
    place.directory = it->second;
  }
  if (!place.directory->is_directory) return std::nullopt;
  return place;
}

void SimulatedEnv::sync_node(Node& node) {
  node.durable_content = node.content;
  node.durable_entries = node.entries;
  for (auto& [name, child] : node.entries) sync_node(*child);
}

void SimulatedEnv::sync_all() {
  const util::MutexLock lock(mutex_);
  sync_node(*root_);
}

void SimulatedEnv::lose_node(Node& node, util::Random& random) {
  if (!node.is_directory) {
    const bool only_grew = node.content.starts_with(node.durable_content);
    if (only_grew) {
      const std::size_t unsynced = node.content.size() - node.durable_content.size();
      node.content.resize(node.durable_content.size() + random.below(unsynced + 1));
    } else if (random.below(2) == 0) {
      node.content = node.durable_content;
    }
    node.durable_content = node.content;
    return;
  }
  Entries survivors;
  for (const auto& [name, child] : node.durable_entries) {
    const auto now = node.entries.find(name);
    if (now != node.entries.end() && now->second == child) {
      survivors[name] = child;
    } else if (random.below(2) == 0) {
      survivors[name] = child;  // Its removal or replacement was not durable.
    } else if (now != node.entries.end()) {
      survivors[name] = now->second;
    }
  }
  for (const auto& [name, child] : node.entries) {
    if (node.durable_entries.contains(name) || random.below(2) != 0) continue;
    // A rename happened or it did not: nothing keeps both its names.
    std::erase_if(survivors, [&](const auto& entry) {
      return entry.second == child && !node.entries.contains(entry.first);
    });
    survivors[name] = child;
  }
  node.entries = survivors;
  node.durable_entries = survivors;
  for (auto& [name, child] : node.entries) lose_node(*child, random);
}

void SimulatedEnv::lose_power(util::Random& random) {
  const util::MutexLock lock(mutex_);
  plan_ = nullptr;
  locks_.clear();
  lose_node(*root_, random);
}

util::Result<std::unique_ptr<util::WritableFile>> SimulatedEnv::open_writable(
    const std::string& path, util::WriteMode mode) {
  const util::MutexLock lock(mutex_);
  NX_TRY(ask("open", path));
  const auto place = place_of(path);
  if (!place) return not_there("open", path);
  NodePtr& node = place->directory->entries[place->name];
  if (node != nullptr && mode == util::WriteMode::kExclusive)
    return util::fail(Code::kAlreadyExists, "open " + path + ": it exists");
  if (node == nullptr) node = std::make_shared<Node>();
  if (mode == util::WriteMode::kTruncate) node->content.clear();
  return std::make_unique<Writable>(*this, path, node);
}

util::Result<std::unique_ptr<util::RandomAccessFile>> SimulatedEnv::open_random_access(
    const std::string& path) {
  const util::MutexLock lock(mutex_);
  const NodePtr node = find(path);
  if (node == nullptr || node->is_directory) return not_there("open", path);
  return std::make_unique<RandomAccess>(node->content);
}

util::Result<std::unique_ptr<util::MappedFile>> SimulatedEnv::map_file(const std::string& path) {
  const util::MutexLock lock(mutex_);
  const NodePtr node = find(path);
  if (node == nullptr || node->is_directory) return not_there("map", path);
  return std::make_unique<Mapped>(node->content);
}

util::Result<std::string> SimulatedEnv::read_file(const std::string& path,
                                                  std::uint64_t bytes_max) {
  const util::MutexLock lock(mutex_);
  const NodePtr node = find(path);
  if (node == nullptr || node->is_directory) return not_there("read", path);
  if (node->content.size() > bytes_max)
    return util::fail(Code::kLimitExceeded, "read " + path + ": too large");
  return node->content;
}

util::Result<std::vector<util::DirEntry>> SimulatedEnv::list_dir(const std::string& path) {
  const util::MutexLock lock(mutex_);
  const NodePtr node = find(path);
  if (node == nullptr || !node->is_directory) return not_there("list", path);
  std::vector<util::DirEntry> out;
  for (const auto& [name, child] : node->entries) out.push_back({name, child->is_directory});
  return out;
}

util::Result<void> SimulatedEnv::create_dirs(const std::string& path) {
  const util::MutexLock lock(mutex_);
  if (find(path) != nullptr) return {};
  NX_TRY(ask("create directory", path));
  NodePtr node = root_;
  for (const std::string& part : parts_of(path)) {
    NodePtr& child = node->entries[part];
    if (child == nullptr) {
      child = std::make_shared<Node>();
      child->is_directory = true;
    }
    node = child;
  }
  return {};
}

util::Result<void> SimulatedEnv::rename(const std::string& from, const std::string& to) {
  const util::MutexLock lock(mutex_);
  NX_TRY(ask("rename", from));
  const NodePtr node = find(from);
  const auto source = place_of(from);
  const auto target = place_of(to);
  if (node == nullptr || !source || !target) return not_there("rename", from);
  const auto there = target->directory->entries.find(target->name);
  if (there != target->directory->entries.end() && there->second->is_directory &&
      !there->second->entries.empty()) {
    return util::fail(Code::kIo, "rename to " + to + ": directory not empty");
  }
  source->directory->entries.erase(source->name);
  target->directory->entries[target->name] = node;
  return {};
}

util::Result<void> SimulatedEnv::remove_file(const std::string& path) {
  const util::MutexLock lock(mutex_);
  NX_TRY(ask("remove", path));
  if (find(path) == nullptr) return not_there("remove", path);
  const auto place = place_of(path);
  place->directory->entries.erase(place->name);
  return {};
}

util::Result<void> SimulatedEnv::remove_all(const std::string& path) {
  const util::MutexLock lock(mutex_);
  const NodePtr node = find(path);
  if (node == nullptr) return {};
  // A tree goes file by file: a fault in the middle leaves a part of it.
  while (node->is_directory && !node->entries.empty()) {
    NX_TRY(ask("remove", path));
    node->entries.erase(node->entries.begin());
  }
  NX_TRY(ask("remove", path));
  const auto place = place_of(path);
  place->directory->entries.erase(place->name);
  return {};
}

util::Result<void> SimulatedEnv::sync_dir(const std::string& path) {
  const util::MutexLock lock(mutex_);
  NX_TRY(ask("sync directory", path));
  const NodePtr node = find(path);
  if (node == nullptr) return not_there("sync", path);
  node->durable_entries = node->entries;
  return {};
}

util::Result<void> SimulatedEnv::link(const std::string& from, const std::string& to) {
  const util::MutexLock lock(mutex_);
  NX_TRY(ask("link", from));
  const NodePtr node = find(from);
  const auto target = place_of(to);
  if (node == nullptr || !target) return not_there("link", from);
  target->directory->entries[target->name] = node;
  return {};
}

util::Result<std::uint64_t> SimulatedEnv::file_size(const std::string& path) {
  const util::MutexLock lock(mutex_);
  const NodePtr node = find(path);
  if (node == nullptr) return not_there("stat", path);
  return node->content.size();
}

bool SimulatedEnv::exists(const std::string& path) {
  const util::MutexLock lock(mutex_);
  return find(path) != nullptr;
}

util::Result<std::unique_ptr<util::FileLock>> SimulatedEnv::lock_file(const std::string& path) {
  const util::MutexLock lock(mutex_);
  if (locks_[path].lock()) return util::fail(Code::kAlreadyExists, "lock " + path + ": held");
  auto held = std::make_shared<int>(0);
  locks_[path] = held;
  if (const auto place = place_of(path); place && !place->directory->entries.contains(place->name))
    place->directory->entries[place->name] = std::make_shared<Node>();
  return std::make_unique<Lock>(held);
}

util::Result<util::DiskSpace> SimulatedEnv::space(const std::string&) {
  constexpr std::uint64_t kBytes = std::uint64_t{1} << 50U;
  return util::DiskSpace{.total_bytes = kBytes, .available_bytes = kBytes};
}

util::Result<void> SimulatedEnv::allocate(const std::string& path, std::uint64_t size_bytes) {
  NX_ASSIGN(const auto file, open_writable(path, util::WriteMode::kTruncate));
  NX_TRY(file->append(std::string(size_bytes, '\0')));
  NX_TRY(file->sync());
  return file->close();
}

}  // namespace narthex::test
