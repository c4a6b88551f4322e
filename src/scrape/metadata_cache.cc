#include "scrape/metadata_cache.h"

#include <algorithm>
#include <array>

namespace narthex::scrape {
namespace {

using exposition::TextEvent;
using model::MetricType;

constexpr std::uint32_t kRoundsUnseenMax = 10;
// A target with more families than this gets no metadata for the rest: what it costs is bounded.
constexpr std::size_t kFamiliesMax = 50'000;
constexpr std::size_t kHelpBytesMax = 64U << 10U;
constexpr std::size_t kUnitBytesMax = 256;

// Types of families, as a set.
template <class... Types>
constexpr unsigned set_of(Types... types) {
  return (0U | ... | (1U << static_cast<unsigned>(types)));
}

// Names of series that are a family's name with something behind it, and of which types.
struct SuffixRule {
  std::string_view suffix;
  unsigned types;
};
constexpr std::array<SuffixRule, 8> kSuffixRules = {{
    {"_total", set_of(MetricType::kCounter)},
    {"_bucket", set_of(MetricType::kHistogram, MetricType::kGaugeHistogram)},
    {"_count", set_of(MetricType::kHistogram, MetricType::kSummary, MetricType::kGaugeHistogram)},
    {"_sum", set_of(MetricType::kHistogram, MetricType::kSummary, MetricType::kGaugeHistogram)},
    {"_gcount", set_of(MetricType::kGaugeHistogram)},
    {"_gsum", set_of(MetricType::kGaugeHistogram)},
    {"_created", set_of(MetricType::kCounter, MetricType::kHistogram, MetricType::kSummary,
                        MetricType::kGaugeHistogram)},
    {"_info", set_of(MetricType::kInfo)},
}};

// The front of a valid text, cut between characters.
std::string_view front_of(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

MetadataLine metadata_line(const exposition::TextParser& parser, TextEvent event) {
  return {.hash = util::hash64(parser.meta_line()),
          .family = parser.family(),
          .kind = event,
          .type = parser.type(),
          .text = event == TextEvent::kHelp ? parser.help_raw() : std::string_view(),
          .unescape = &exposition::unescape_help};
}

MetadataLine metadata_line(const exposition::OpenMetricsParser& parser, TextEvent event) {
  return {.hash = util::hash64(parser.meta_line()),
          .family = parser.family(),
          .kind = event,
          .type = parser.type(),
          .text = event == TextEvent::kUnit ? parser.unit() : parser.help_raw(),
          .unescape = &exposition::unescape_openmetrics_help};
}

MetadataLine metadata_line(const exposition::ProtobufParser& parser, TextEvent event) {
  std::string_view text;
  if (event == TextEvent::kHelp) text = parser.help();
  if (event == TextEvent::kUnit) text = parser.unit();
  const std::uint64_t kind =
      (static_cast<std::uint64_t>(event) << 8U) |
      (event == TextEvent::kType ? static_cast<std::uint64_t>(parser.type()) : 0);
  return {.hash = util::mix64(util::mix64(util::hash64(parser.family()), util::hash64(text)), kind),
          .family = parser.family(),
          .kind = event,
          .type = parser.type(),
          .text = text};
}

FamilyMetadataPtr MetadataInterner::intern(FamilyMetadata metadata) {
  std::string text =
      metadata.family + '\0' + metadata.metadata.help + '\0' + metadata.metadata.unit + '\0';
  text.push_back(static_cast<char>(metadata.metadata.type));
  const util::Hash128 hash = util::hash128(text);
  const util::MutexLock lock(mutex_);
  if (known_.size() >= sweep_at_) {
    boost::unordered::erase_if(known_, [](const auto& item) { return item.second.expired(); });
    sweep_at_ = std::max<std::size_t>(1024, 2 * known_.size());
  }
  std::weak_ptr<const FamilyMetadata>& known = known_[hash];
  if (FamilyMetadataPtr existing = known.lock(); existing && *existing == metadata) return existing;
  auto made = std::make_shared<const FamilyMetadata>(std::move(metadata));
  known = made;
  return made;
}

void MetadataCache::begin_round() {
  ++round_;
  line_count_ = 0;
}

std::uint32_t MetadataCache::entry_of(std::string_view family) {
  const auto [it, fresh] =
      by_name_.try_emplace(util::hash64(family), static_cast<std::uint32_t>(families_.size()));
  if (fresh) {
    ++version_;
    FamilyMetadataPtr made = interner_->intern({.family = std::string(family), .metadata = {}});
    const util::MutexLock lock(mutex_);
    families_.push_back(std::move(made));
    seen_.push_back(round_);
  }
  return it->second;
}

void MetadataCache::on_line(const MetadataLine& line) {
  const std::uint64_t hash = line.hash;
  const std::size_t place = line_count_++;
  if (place < lines_.size() && lines_[place].hash == hash) {
    seen_[lines_[place].entry] = round_;
    return;
  }
  if (families_.size() >= kFamiliesMax) {
    --line_count_;
    return;
  }
  const std::uint32_t entry = entry_of(line.family);
  seen_[entry] = round_;
  if (place < lines_.size()) {
    lines_[place] = {hash, entry};
  } else {
    lines_.push_back({hash, entry});
  }
  FamilyMetadata changed = *families_[entry];
  switch (line.kind) {
    case TextEvent::kType:
      changed.metadata.type = line.type;
      break;
    case TextEvent::kUnit:
      changed.metadata.unit = front_of(line.text, kUnitBytesMax);
      break;
    default: {
      const std::string_view help = front_of(line.text, kHelpBytesMax);
      changed.metadata.help = line.unescape != nullptr ? line.unescape(help) : std::string(help);
    }
  }
  if (changed == *families_[entry]) return;
  ++version_;
  FamilyMetadataPtr made = interner_->intern(std::move(changed));
  const util::MutexLock lock(mutex_);
  families_[entry] = std::move(made);
}

void MetadataCache::end_round() {
  lines_.resize(line_count_);
  const auto is_old = [this](std::uint32_t seen) { return round_ - seen > kRoundsUnseenMax; };
  if (std::ranges::none_of(seen_, is_old)) return;
  ++version_;
  std::vector<FamilyMetadataPtr> kept;
  std::vector<std::uint32_t> kept_seen;
  by_name_.clear();
  for (std::size_t i = 0; i < families_.size(); ++i) {
    if (is_old(seen_[i])) continue;
    by_name_.emplace(util::hash64(families_[i]->family), static_cast<std::uint32_t>(kept.size()));
    kept.push_back(families_[i]);
    kept_seen.push_back(seen_[i]);
  }
  lines_.clear();  // They named places that have moved; the next round finds them by name.
  seen_ = std::move(kept_seen);
  const util::MutexLock lock(mutex_);
  families_ = std::move(kept);
}

std::vector<FamilyMetadataPtr> MetadataCache::snapshot() const {
  const util::MutexLock lock(mutex_);
  return families_;
}

FamilyMetadataPtr MetadataCache::find(std::string_view family) const {
  const util::MutexLock lock(mutex_);
  const auto it =
      std::ranges::find_if(families_, [family](const auto& f) { return f->family == family; });
  return it == families_.end() ? nullptr : *it;
}

FamilyMetadataPtr MetadataCache::find_confined(std::string_view family) const {
  const auto it = by_name_.find(util::hash64(family));
  if (it == by_name_.end() || families_[it->second]->family != family) return nullptr;
  return families_[it->second];
}

FamilyMetadataPtr MetadataCache::find_of_series(std::string_view name) const {
  if (FamilyMetadataPtr own = find_confined(name)) return own;
  for (const SuffixRule& rule : kSuffixRules) {
    if (!name.ends_with(rule.suffix)) continue;
    FamilyMetadataPtr family = find_confined(name.substr(0, name.size() - rule.suffix.size()));
    if (family && (rule.types & set_of(family->metadata.type)) != 0) return family;
  }
  return nullptr;
}

std::size_t MetadataCache::size() const {
  const util::MutexLock lock(mutex_);
  return families_.size();
}

std::size_t MetadataCache::bytes() const {
  const util::MutexLock lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& f : families_)
    bytes += f->family.size() + f->metadata.help.size() + f->metadata.unit.size();
  return bytes;
}

}  // namespace narthex::scrape
