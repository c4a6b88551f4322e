#include "narthex/model/labels.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "support/random_seed.h"

namespace narthex::model {
namespace {

std::map<std::string, std::string> as_map(const Labels& labels) {
  std::map<std::string, std::string> out;
  for (const LabelView label : labels) out.emplace(label.name, label.value);
  return out;
}

TEST(Labels, SortsDropsEmptyValuesAndLetsTheLastDuplicateWin) {
  const Labels labels{{"b", "2"}, {"a", "1"}, {"c", ""}, {"b", "3"}};
  EXPECT_EQ(labels.to_string(), R"({a="1", b="3"})");
  EXPECT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels, (Labels{{"a", "1"}, {"b", "3"}}));
  EXPECT_TRUE((Labels{{"a", "1"}, {"a", ""}}).empty());
}

TEST(Labels, AnAbsentLabelHasAnEmptyValue) {
  const Labels labels{{"__name__", "up"}, {"Z", "capital"}, {"job", "node"}};
  EXPECT_EQ(labels.metric_name(), "up");
  EXPECT_EQ(labels.get("Z"), "capital");
  EXPECT_EQ(labels.get("job"), "node");
  EXPECT_EQ(labels.get("jo"), "");
  EXPECT_FALSE(labels.has("instance"));
  EXPECT_EQ(Labels{}.get("job"), "");
  const Labels none;
  EXPECT_EQ(none.begin(), none.end());
}

// A length is one byte below 255; above, an escape and three bytes: both sides of the border, and a
// long one.
TEST(Labels, HoldsTextsOfEveryLength) {
  for (const std::size_t size :
       {1UZ, 253UZ, 254UZ, 255UZ, 256UZ, 65'535UZ, 65'536UZ, 1'000'000UZ}) {
    const std::string text(size, 'x');
    const Labels labels{{text, "short"}, {"a", text}, {"zz", "last"}};
    SCOPED_TRACE(size);
    EXPECT_EQ(labels.size(), 3U);
    EXPECT_EQ(labels.get(text), "short");
    EXPECT_EQ(labels.get("a"), text);
    EXPECT_EQ(labels.get("zz"), "last");
    EXPECT_EQ(Labels::from_bytes(std::string(labels.bytes())), labels);
  }
}

TEST(Labels, WithoutAndWithOnlySplitASet) {
  const Labels labels{{"__name__", "m"}, {"a", "1"}, {"b", "2"}};
  const std::string_view names[] = {"a", "absent", "__name__"};
  EXPECT_EQ(labels.without(names), (Labels{{"b", "2"}}));
  EXPECT_EQ(labels.with_only(names), (Labels{{"__name__", "m"}, {"a", "1"}}));
  EXPECT_EQ(labels.without_name(), (Labels{{"a", "1"}, {"b", "2"}}));
}

TEST(Labels, PrintsNamesAndValuesQuotedWhereNeeded) {
  EXPECT_EQ(Labels{}.to_string(), "{}");
  EXPECT_EQ((Labels{{"a.b", "x\"y\n"}}).to_string(), R"({"a.b"="x\"y\n"})");
  EXPECT_EQ((Labels{{"__name__", "up"}, {"job", "n"}}).to_series_string(), R"(up{job="n"})");
  EXPECT_EQ((Labels{{"__name__", "up"}}).to_series_string(), "up");
  EXPECT_EQ((Labels{{"__name__", "a b"}}).to_series_string(), R"({__name__="a b"})");
  EXPECT_EQ((Labels{{"job", "n"}}).to_series_string(), R"({job="n"})");
}

TEST(Labels, OrderIsPairByPairAndAPrefixComesFirst) {
  // Each smaller than the next.
  const std::vector<Labels> ascending = {
      Labels{},
      Labels{{"a", "1"}},
      Labels{{"a", "1"}, {"b", "1"}},
      Labels{{"a", "1"}, {"c", "0"}},
      Labels{{"a", "10"}},
      Labels{{"a", "2"}},
      Labels{{"a", "\xc3\xa9"}},  // Bytes are unsigned.
      Labels{{"ab", "0"}},
      Labels{{"b", "0"}},
  };
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      EXPECT_EQ(ascending[i] <=> ascending[k], i <=> k)
          << ascending[i].to_string() << ascending[k].to_string();
      EXPECT_EQ(ascending[i] == ascending[k], i == k);
    }
  }
}

TEST(Labels, EqualSetsHashEqual) {
  const Labels one{{"a", "1"}, {"b", "2"}};
  const Labels other{{"b", "2"}, {"a", "1"}};
  EXPECT_EQ(one.hash(), other.hash());
  EXPECT_EQ(LabelsHasher{}(one), one.hash());
  // The border between name and value is part of the hashed bytes.
  EXPECT_NE((Labels{{"ab", "c"}}).hash(), (Labels{{"a", "bc"}}).hash());
}

TEST(LabelsBuilder, SetsReplacesAndRemoves) {
  LabelsBuilder builder(Labels{{"a", "1"}, {"b", "2"}});
  builder.set("b", "3");
  builder.set("0", "front");
  builder.set("a", "");
  builder.remove("absent");
  EXPECT_EQ(builder.get("b"), "3");
  EXPECT_EQ(builder.get("a"), "");
  EXPECT_EQ(builder.build(), (Labels{{"0", "front"}, {"b", "3"}}));
  builder.remove_if([](std::string_view name) { return name == "0"; });
  EXPECT_EQ(builder.build(), (Labels{{"b", "3"}}));
  builder.clear();
  EXPECT_TRUE(builder.empty());
  EXPECT_TRUE(builder.build().empty());
}

// A value may be a view into the builder itself: relabelling copies one label to another.
TEST(LabelsBuilder, TakesAViewOfItsOwnLabel) {
  LabelsBuilder builder(Labels{{"b", std::string(100, 'v')}});
  builder.set("a", builder.get("b"));
  EXPECT_EQ(builder.get("a"), std::string(100, 'v'));
  EXPECT_EQ(builder.get("b"), std::string(100, 'v'));
  builder.set("b", builder.get("b").substr(50));
  EXPECT_EQ(builder.get("b"), std::string(50, 'v'));
}

TEST(LabelsBuilder, BehavesAsAMap) {
  util::Random random = test::seeded_random();
  LabelsBuilder builder;
  std::map<std::string, std::string> model;
  for (int step = 0; step < 20'000; ++step) {
    const std::string name(1, static_cast<char>('A' + random.below(20) * 3));
    const std::string value(random.below(4), static_cast<char>('a' + random.below(26)));
    if (random.below(3) == 0) {
      builder.remove(name);
      model.erase(name);
    } else {
      builder.set(name, value);
      if (value.empty()) {
        model.erase(name);
      } else {
        model[name] = value;
      }
    }
    const Labels built = builder.build();
    ASSERT_EQ(as_map(built), model);
    ASSERT_TRUE(std::ranges::is_sorted(builder.labels()));
    if (step % 100 == 0) {
      ASSERT_EQ(LabelsBuilder(built).build(), built);
    }
  }
}

TEST(LabelsEncoder, WritesWhatTheBuilderWould) {
  LabelsEncoder encoder;
  encoder.add("a", "1");
  encoder.add("b", "");
  encoder.add("c", "3");
  EXPECT_EQ(std::move(encoder).finish(), (Labels{{"c", "3"}, {"a", "1"}}));
}

TEST(LabelsRef, SeesLabelsInSomebodyElsesBytes) {
  const Labels a{{"__name__", "up"}, {"job", "a"}};
  const Labels b{{"__name__", "up"}, {"job", "b"}};
  const std::string both = std::string(a.bytes()) + std::string(b.bytes());
  const LabelsRef first(std::string_view(both).substr(0, a.bytes().size()));
  const LabelsRef second(std::string_view(both).substr(a.bytes().size()));
  EXPECT_EQ(first.get("job"), "a");
  EXPECT_EQ(second.get("job"), "b");
  EXPECT_EQ(second.get("instance"), "");
  EXPECT_LT(first, second);
  EXPECT_EQ(std::distance(first.begin(), first.end()), 2);
}

TEST(AppendLabel, WritesWhatLabelsAre) {
  std::string bytes;
  append_label(bytes, "a", "1");
  append_label(bytes, "b", "");
  append_label(bytes, "c", std::string(300, 'x'));
  EXPECT_EQ(Labels::from_bytes(bytes), (Labels{{"a", "1"}, {"c", std::string(300, 'x')}}));
}

}  // namespace
}  // namespace narthex::model
