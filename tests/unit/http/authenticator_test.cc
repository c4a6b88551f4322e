#include "http/authenticator.h"

#include <future>

#include <gtest/gtest.h>

namespace narthex::http {
namespace {

// Of "open sesame" and "other".
constexpr std::string_view kSesame = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";
constexpr std::string_view kOther = "$2a$05$ZyXwVuTsRqPoNmLkJiHgFeWsPPr1LCWrEW36F0nzhK0gCTib3ypay";

AccessOptions with_users(std::vector<std::pair<std::string, std::string>> users) {
  AccessOptions out;
  out.users = std::move(users);
  return out;
}

bool verdict(Authenticator& authenticator, const AccessOptions& access, const Credentials& who) {
  std::promise<bool> promise;
  auto on_verdict = [&promise](bool admitted) { promise.set_value(admitted); };
  EXPECT_TRUE(authenticator.submit(access, who, std::move(on_verdict)));
  return promise.get_future().get();
}

TEST(Authenticator, AdmitsUserWithHisPasswordAlone) {
  Authenticator authenticator;
  const auto access = with_users({{"ali", std::string(kSesame)}, {"bob", std::string(kOther)}});
  EXPECT_TRUE(verdict(authenticator, access, {"ali", "open sesame"}));
  EXPECT_TRUE(verdict(authenticator, access, {"bob", "other"}));
  EXPECT_FALSE(verdict(authenticator, access, {"bob", "open sesame"}));
  EXPECT_FALSE(verdict(authenticator, access, {"ali", ""}));
  EXPECT_FALSE(verdict(authenticator, access, {"eve", "open sesame"}));
  EXPECT_FALSE(verdict(authenticator, access, {"", ""}));
}

TEST(Authenticator, RemembersVerdictsForTheHashTheyWereMadeWith) {
  Authenticator authenticator;
  const Credentials ali = {"ali", "open sesame"};
  const auto before = with_users({{"ali", std::string(kSesame)}});
  EXPECT_EQ(authenticator.remembered(before, ali), std::nullopt);
  EXPECT_TRUE(verdict(authenticator, before, ali));
  EXPECT_EQ(authenticator.remembered(before, ali), true);
  EXPECT_EQ(authenticator.remembered(before, {"ali", "open sesam"}), std::nullopt);
  // The same password under another name, and after a change of the hash, is another matter.
  EXPECT_EQ(authenticator.remembered(before, {"al", "iopen sesame"}), std::nullopt);
  const auto after = with_users({{"ali", std::string(kOther)}});
  EXPECT_EQ(authenticator.remembered(after, ali), std::nullopt);
  EXPECT_FALSE(verdict(authenticator, after, ali));
  EXPECT_EQ(authenticator.remembered(after, ali), false);
  EXPECT_EQ(authenticator.remembered(with_users({}), ali), std::nullopt);
}

TEST(Authenticator, WrongPasswordsDoNotPushOutTheRightOne) {
  Authenticator authenticator;
  const Credentials ali = {"ali", "open sesame"};
  const auto access = with_users({{"ali", std::string(kSesame)}});
  EXPECT_TRUE(verdict(authenticator, access, ali));
  for (int i = 0; i < 1100; ++i)
    EXPECT_FALSE(verdict(authenticator, access, {"ali", std::to_string(i)}));
  EXPECT_EQ(authenticator.remembered(access, ali), true);
  EXPECT_EQ(authenticator.remembered(access, {"ali", "0"}), std::nullopt);
}

TEST(Authenticator, TakesNoMoreThanItCanCompareSoon) {
  Authenticator authenticator;
  const auto access = with_users({{"ali", std::string(kOther)}});
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool taken = authenticator.submit(access, {"ali", std::to_string(i)}, [](bool) {});
    refused += taken ? 0 : 1;
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace narthex::http
