// Random blocks and what they should hold, for tests of everything that writes or reads blocks.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "narthex/model/matcher.h"
#include "narthex/util/env.h"
#include "narthex/util/random.h"

#include "tsdb/block/block.h"
#include "tsdb/block/block_writer.h"
#include "tsdb/block/series_source.h"
#include "tsdb/block/ulid.h"
#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/index/postings.h"

namespace narthex::tsdb {

// Series → timestamp → value.
using BlockContent = std::map<model::Labels, std::map<model::TimestampMs, double>>;

// Hands out a content in chunks of random lengths.
class ContentSource final : public SeriesSource {
 public:
  ContentSource(BlockContent content, util::Random& random, std::size_t chunk_samples_max)
      : content_(std::move(content)) {
    for (const auto& [labels, samples] : content_) {
      Series series{.labels = labels, .chunks = {}};
      XorChunkBuilder builder;
      model::TimestampMs min_time = 0;
      model::TimestampMs max_time = 0;
      std::size_t wanted = 0;
      for (const auto& [t, value] : samples) {
        if (builder.sample_count() == 0) {
          min_time = t;
          wanted = 1 + random.below(chunk_samples_max);
        }
        builder.append(t, value);
        max_time = t;
        if (builder.sample_count() == wanted) take(series, builder, min_time, max_time);
      }
      if (builder.sample_count() != 0) take(series, builder, min_time, max_time);
      series_.push_back(std::move(series));
      for (const model::LabelView label : labels) {
        symbols_[std::string(label.name)];
        symbols_[std::string(label.value)];
      }
    }
  }
  util::Result<std::vector<std::string_view>> symbols() override {
    std::vector<std::string_view> out;
    for (const auto& [symbol, unused] : symbols_) out.push_back(symbol);
    return out;
  }
  util::Result<bool> next(SourceSeries& out) override {
    if (at_ == series_.size()) return false;
    const Series& series = series_[at_++];
    out.labels = series.labels;
    out.chunks.clear();
    for (const Chunk& chunk : series.chunks) {
      out.chunks.push_back({.min_time = chunk.min_time,
                            .max_time = chunk.max_time,
                            .stored = {.encoding = 1, .payload = chunk.payload},
                            .deleted = {}});
    }
    return true;
  }

 private:
  struct Chunk {
    model::TimestampMs min_time = 0;
    model::TimestampMs max_time = 0;
    std::string payload;
  };
  struct Series {
    model::Labels labels;
    std::vector<Chunk> chunks;
  };
  static void take(Series& series, XorChunkBuilder& builder, model::TimestampMs min_time,
                   model::TimestampMs max_time) {
    series.chunks.push_back({min_time, max_time, std::string(builder.bytes())});
    builder.clear();
  }

  BlockContent content_;
  std::vector<Series> series_;
  std::map<std::string, int> symbols_;
  std::size_t at_ = 0;
};

// Up to `series_max` series, with samples at random times of [range.min, range.max].
inline BlockContent random_content(util::Random& random, std::size_t series_max,
                                   model::TimeRange range) {
  BlockContent content;
  const std::size_t count = 1 + random.below(series_max);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<model::LabelView> labels = {{"__name__", i % 3 == 0 ? "a" : "long_metric_name"}};
    const std::string number = std::to_string(random.below(2 * series_max));
    labels.push_back({"i", number});
    if (random.below(2) == 0) labels.push_back({"ünï", "\"quoted\\\n"});
    auto& samples = content[model::Labels::from_unsorted(labels)];
    const auto span = static_cast<std::uint64_t>(range.max - range.min) + 1;
    for (std::uint64_t k = 1 + random.below(400); k > 0; --k) {
      samples[range.min + static_cast<model::TimestampMs>(random.below(span))] =
          static_cast<double>(random.below(1000)) / 8;
    }
  }
  return content;
}

inline BlockMeta meta_of(const std::string& ulid, model::TimestampMs min_time,
                         model::TimestampMs max_time) {
  BlockMeta meta;
  meta.ulid = ulid;
  meta.min_time = min_time;
  meta.max_time = max_time;
  meta.sources = {ulid};
  return meta;
}

inline BlockContent read_content(storage::Querier& querier) {
  BlockContent content;
  const std::vector<model::Matcher> all = {
      model::Matcher::make(model::MatchOp::kRegex, "__name__", ".*").value()};
  const auto set = querier.select(all, storage::SeriesOrder::kByLabels, {}).value();
  storage::SampleColumns samples;
  model::Labels previous;
  for (std::size_t i = 0; i < set->size(); ++i) {
    samples.clear();
    const auto read = set->read(i, {}, samples);
    EXPECT_TRUE(read.has_value()) << read.error().message();
    const model::Labels labels = set->labels(i);
    EXPECT_LT(previous, labels);
    previous = labels;
    EXPECT_LE(samples.float_values.size(), set->samples_max(i));
    auto& one = content[labels];
    for (std::size_t k = 0; k < samples.float_values.size(); ++k)
      one[samples.float_timestamps[k]] = samples.float_values[k];
    EXPECT_EQ(one.size(), samples.float_values.size());
  }
  return content;
}

inline BlockContent read_content(const std::shared_ptr<const Block>& block) {
  return read_content(*block_querier(block, {}));
}

// Without series that have nothing left.
inline BlockContent clipped(const BlockContent& content, model::TimeRange range) {
  BlockContent out;
  for (const auto& [labels, samples] : content) {
    for (const auto& [t, value] : samples) {
      if (range.contains(t)) out[labels][t] = value;
    }
  }
  return out;
}

inline std::uint64_t sample_count(const BlockContent& content) {
  std::uint64_t count = 0;
  for (const auto& [labels, samples] : content) count += samples.size();
  return count;
}

// Writes and opens it.
inline std::shared_ptr<const Block> make_block(util::Env& env, const std::string& directory,
                                               const BlockContent& content, BlockMeta meta,
                                               util::Random& random) {
  ContentSource source(content, random, 130);
  const std::string ulid = meta.ulid;
  const auto written = write_block(env, directory, std::move(meta), source, {});
  EXPECT_TRUE(written.has_value()) << written.error().message();
  return Block::open(env, directory + "/" + ulid).value();
}

}  // namespace narthex::tsdb
