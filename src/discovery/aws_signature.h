// Requests as Amazon wants them signed: AWS Signature Version 4.
#pragma once

#include <string>
#include <string_view>

#include "narthex/http/client.h"
#include "narthex/util/clock.h"

namespace narthex::discovery {

struct AwsKeys {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // Empty: they are nobody's for a while, but somebody's own.
};

struct AwsScope {
  std::string region;   // "eu-central-1"
  std::string service;  // "ec2"
};

// Adds the headers that sign the request as it is: whatever is changed later breaks the signature.
// Host, Content-Type and the X-Amz- ones are signed.
void sign_aws(http::ClientRequest& request, const AwsKeys& keys, const AwsScope& scope,
              util::WallNs now);

}  // namespace narthex::discovery
