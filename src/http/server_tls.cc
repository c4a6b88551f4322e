#include "http/server_tls.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "narthex/util/hash.h"

#include "http/secret.h"

namespace narthex::http {
namespace {

namespace asio = boost::asio;
using util::Code;
using util::fail;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// What Go takes by default: an ephemeral key exchange, always.
constexpr std::string_view kDefaultCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES256:ECDHE+AES128:!aNULL:!PSK";

constexpr std::array<std::string_view, 3> kTls13Suites = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
// Those that Go does not call insecure, which is what Prometheus takes.
constexpr std::array<std::string_view, 10> kSuites = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",          "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",     "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",       "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"};

struct Curve {
  std::string_view name;
  std::string_view openssl;
};
constexpr std::array<Curve, 4> kCurves = {{
    {"CurveP256", "P-256"},
    {"CurveP384", "P-384"},
    {"CurveP521", "P-521"},
    {"X25519", "X25519"},
}};

int protocol_number(TlsVersion version) noexcept {
  switch (version) {
    case TlsVersion::kTls10:
      return TLS1_VERSION;
    case TlsVersion::kTls11:
      return TLS1_1_VERSION;
    case TlsVersion::kTls12:
      return TLS1_2_VERSION;
    case TlsVersion::kTls13:
      return TLS1_3_VERSION;
  }
  return TLS1_2_VERSION;
}

std::string take_openssl_error() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* const reason = ::ERR_reason_error_string(code);
  return reason == nullptr ? fmt::format("OpenSSL error {:x}", code) : std::string(reason);
}

struct FreeBio {
  void operator()(BIO* bio) const noexcept { ::BIO_free(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const noexcept { ::X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { ::EVP_PKEY_free(key); }
};
struct FreeNames {
  void operator()(GENERAL_NAMES* names) const noexcept { ::GENERAL_NAMES_free(names); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;

std::unique_ptr<BIO, FreeBio> memory_bio(std::string_view text) {
  return std::unique_ptr<BIO, FreeBio>(
      ::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Never asks on the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) {
  return 0;
}

util::Result<std::vector<Certificate>> parse_certificates(std::string_view pem) {
  const auto bio = memory_bio(pem);
  std::vector<Certificate> out;
  while (Certificate each{::PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)})
    out.push_back(std::move(each));
  const unsigned long last = ::ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  std::string what = out.empty() && at_end ? "no PEM data found" : take_openssl_error();
  ::ERR_clear_error();
  if (out.empty() || !at_end) return fail(Code::kInvalidArgument, std::move(what));
  return out;
}

std::string_view view(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(::ASN1_STRING_length(text))};
}

std::string address_text(std::string_view bytes) {
  if (bytes.size() == 4) {
    asio::ip::address_v4::bytes_type v4{};
    std::ranges::copy(bytes, v4.begin());
    return asio::ip::address_v4(v4).to_string();
  }
  if (bytes.size() != 16) return {};
  asio::ip::address_v6::bytes_type v6{};
  std::ranges::copy(bytes, v6.begin());
  return asio::ip::address_v6(v6).to_string();
}

bool is_allowed(const X509* certificate, const std::vector<std::string>& allowed) {
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(static_cast<GENERAL_NAMES*>(
      ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    std::string text;
    if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
      text = view(name->d.ia5);
    } else if (name->type == GEN_IPADD) {
      text = address_text(view(name->d.iPAddress));
    }
    if (!text.empty() && std::ranges::find(allowed, text) != allowed.end()) return true;
  }
  return false;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_bytes,
                    const unsigned char* in, unsigned in_bytes, void*) {
  static constexpr std::array<unsigned char, 9> kHttp11 = {8,   'h', 't', 't', 'p',
                                                           '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const int found =
      ::SSL_select_next_proto(&chosen, out_bytes, kHttp11.data(), kHttp11.size(), in, in_bytes);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool verifies(ClientAuth mode) noexcept {
  return mode == ClientAuth::kVerifyIfGiven || mode == ClientAuth::kRequireAndVerify;
}

int verify_mode(ClientAuth mode) noexcept {
  switch (mode) {
    case ClientAuth::kNone:
      return SSL_VERIFY_NONE;
    case ClientAuth::kRequest:
    case ClientAuth::kVerifyIfGiven:
      return SSL_VERIFY_PEER;
    case ClientAuth::kRequireAny:
    case ClientAuth::kRequireAndVerify:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

// Of everything that is read from files.
util::Result<std::uint64_t> fingerprint(const ServerTlsOptions& options) {
  std::uint64_t out = 0;
  for (const Secret* secret : {&options.cert, &options.key, &options.client_ca}) {
    if (secret->file.empty()) continue;
    NX_ASSIGN(const std::string content, read_secret(*secret));
    out = util::mix64(out, util::hash64(content));
  }
  return out;
}

}  // namespace

bool is_cipher_suite(std::string_view name) noexcept {
  return std::ranges::find(kSuites, name) != kSuites.end() ||
         std::ranges::find(kTls13Suites, name) != kTls13Suites.end();
}

bool is_curve(std::string_view name) noexcept {
  return std::ranges::find(kCurves, name, &Curve::name) != kCurves.end();
}

util::Result<void> check_server_tls(const ServerTlsOptions& options) {
  NX_TRY(ServerTlsContext::make(options));
  return {};
}

// Instead of OpenSSL's own check of a client's certificate; 1 lets it in.
int ServerTlsContext::verify_client(X509_STORE_CTX* store, void* self) {
  const ServerTlsOptions& options = static_cast<const ServerTlsContext*>(self)->options_;
  if (verifies(options.client_auth)) {
    if (::X509_verify_cert(store) != 1) return 0;
  }
  const X509* const certificate = ::X509_STORE_CTX_get0_cert(store);
  if (!options.client_allowed_sans.empty() &&
      !is_allowed(certificate, options.client_allowed_sans)) {
    ::X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  ::X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

util::Result<void> ServerTlsContext::load_identity() {
  const auto bad = [](std::string_view what, std::string_view why) {
    return fail(Code::kInvalidArgument, fmt::format("failed to load the {}: {}", what, why));
  };
  NX_ASSIGN(const std::string cert_pem, read_secret(options_.cert));
  NX_ASSIGN(const std::string key_pem, read_secret(options_.key));
  auto chain = parse_certificates(cert_pem);
  if (!chain) return bad("certificate", chain.error().message());
  if (::SSL_CTX_use_certificate(context_.get(), chain->front().get()) != 1)
    return bad("certificate", take_openssl_error());
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (::SSL_CTX_add1_chain_cert(context_.get(), (*chain)[i].get()) != 1)
      return bad("certificate", take_openssl_error());
  }
  const auto bio = memory_bio(key_pem);
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      ::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return bad("private key", take_openssl_error());
  if (::SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1 ||
      ::SSL_CTX_check_private_key(context_.get()) != 1)
    return bad("private key", take_openssl_error());
  return {};
}

util::Result<void> ServerTlsContext::load_client_ca() {
  ::SSL_CTX_set_verify(context_.get(), verify_mode(options_.client_auth), nullptr);
  ::SSL_CTX_set_cert_verify_callback(context_.get(), verify_client, this);
  if (options_.client_ca.empty()) {
    if (verifies(options_.client_auth)) ::SSL_CTX_set_default_verify_paths(context_.get());
    return {};
  }
  NX_ASSIGN(const std::string pem, read_secret(options_.client_ca));
  auto authorities = parse_certificates(pem);
  if (!authorities) {
    return fail(Code::kInvalidArgument,
                fmt::format("failed to load the client CA: {}", authorities.error().message()));
  }
  X509_STORE* const store = ::SSL_CTX_get_cert_store(context_.get());
  for (const Certificate& each : *authorities) {
    // The names tell clients which of their certificates to send.
    if (::X509_STORE_add_cert(store, each.get()) != 1 ||
        ::SSL_CTX_add_client_CA(context_.get(), each.get()) != 1) {
      return fail(Code::kInvalidArgument,
                  fmt::format("failed to load the client CA: {}", take_openssl_error()));
    }
  }
  return {};
}

util::Result<void> ServerTlsContext::choose_algorithms() {
  SSL_CTX* const context = context_.get();
  TlsVersion version_min = options_.version_min;
  std::string ciphers;
  for (const std::string& name : options_.cipher_suites) {
    if (std::ranges::find(kTls13Suites, name) != kTls13Suites.end()) continue;
    ciphers += fmt::format("{}{}", ciphers.empty() ? "" : ":", ::OPENSSL_cipher_name(name.c_str()));
  }
  // Suites of TLS 1.3 alone leave the older versions nothing to choose from.
  if (ciphers.empty() && !options_.cipher_suites.empty()) version_min = TlsVersion::kTls13;
  if (ciphers.empty()) ciphers = kDefaultCiphers;
  // OpenSSL counts the hashes of these versions as broken; who asks for them knows.
  if (version_min < TlsVersion::kTls12) ciphers += ":@SECLEVEL=0";
  ::SSL_CTX_set_min_proto_version(context, protocol_number(version_min));
  ::SSL_CTX_set_max_proto_version(context, protocol_number(options_.version_max));
  if (::SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1)
    return fail(Code::kInvalidArgument, "cipher_suites: " + take_openssl_error());
  std::string curves;
  for (const std::string& name : options_.curves) {
    const auto* const curve = std::ranges::find(kCurves, name, &Curve::name);
    if (curve == kCurves.end()) return fail(Code::kInvalidArgument, "unknown curve: " + name);
    curves += fmt::format("{}{}", curves.empty() ? "" : ":", curve->openssl);
  }
  if (!curves.empty() && ::SSL_CTX_set1_groups_list(context, curves.c_str()) != 1)
    return fail(Code::kInvalidArgument, "curve_preferences: " + take_openssl_error());
  return {};
}

util::Result<std::shared_ptr<const ServerTlsContext>> ServerTlsContext::make(
    const ServerTlsOptions& options) {
  ::ERR_clear_error();
  const std::shared_ptr<ServerTlsContext> made(new ServerTlsContext(options));
  made->context_.reset(::SSL_CTX_new(::TLS_server_method()));
  SSL_CTX* const context = made->context_.get();
  if (context == nullptr) return fail(Code::kInternal, "tls: " + take_openssl_error());
  std::uint64_t flags = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;
  if (options.prefer_server_cipher_suites) flags |= SSL_OP_CIPHER_SERVER_PREFERENCE;
  ::SSL_CTX_set_options(context, flags);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  // Sessions live in the tickets that clients keep; without a name, those of clients that showed a
  // certificate would be refused.
  static constexpr std::array<unsigned char, 7> kName = {'n', 'a', 'r', 't', 'h', 'e', 'x'};
  ::SSL_CTX_set_session_id_context(context, kName.data(), kName.size());
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  NX_TRY(made->choose_algorithms());
  NX_TRY(made->load_identity());
  NX_TRY(made->load_client_ca());
  return std::shared_ptr<const ServerTlsContext>(made);
}

std::unique_ptr<SSL, FreeSsl> ServerTlsContext::new_connection(int socket) const {
  std::unique_ptr<SSL, FreeSsl> ssl(::SSL_new(context_.get()));
  if (ssl && ::SSL_set_fd(ssl.get(), socket) != 1) ssl.reset();
  ::ERR_clear_error();
  return ssl;
}

util::Result<std::shared_ptr<const ServerTlsContext>> ServerTlsSource::context(
    const ServerTlsOptions& options) {
  NX_ASSIGN(const std::uint64_t now, fingerprint(options));
  {
    const util::MutexLock lock(mutex_);
    if (current_ && current_fingerprint_ == now && current_options_ == options) return current_;
  }
  NX_ASSIGN(auto made, ServerTlsContext::make(options));
  const util::MutexLock lock(mutex_);
  current_ = made;
  current_options_ = options;
  current_fingerprint_ = now;
  return made;
}

TlsConnection::TlsConnection(std::shared_ptr<const ServerTlsContext> context,
                             asio::ip::tcp::socket& socket)
    : context_(std::move(context)),
      socket_(socket),
      ssl_(context_->new_connection(socket.native_handle())) {}

async::Task<bool> TlsConnection::wait_after(int result) {
  using asio::ip::tcp;
  const int wanted = ::SSL_get_error(ssl_.get(), result);
  if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) co_return false;
  const auto direction =
      wanted == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write;
  const auto [ec] = co_await socket_.async_wait(direction, kAwait);
  co_return !ec && socket_.is_open();
}

async::Task<TlsConnection::Handshake> TlsConnection::handshake() {
  boost::system::error_code ec;
  socket_.native_non_blocking(true, ec);
  if (!ssl_ || ec) co_return Handshake::kFailed;
  for (;;) {
    ::ERR_clear_error();
    const int result = ::SSL_accept(ssl_.get());
    if (result == 1) break;
    const int reason = ERR_GET_REASON(::ERR_peek_error());
    const auto again = co_await wait_after(result);
    if (again && *again) continue;
    co_return reason == SSL_R_HTTP_REQUEST ? Handshake::kPlainHttp : Handshake::kFailed;
  }
  is_open_ = true;
  co_return Handshake::kDone;
}

async::Task<std::size_t> TlsConnection::read_some(std::span<char> out) {
  for (;;) {
    std::size_t bytes = 0;
    ::ERR_clear_error();
    const int result = ::SSL_read_ex(ssl_.get(), out.data(), out.size(), &bytes);
    if (result == 1) co_return bytes;
    if (::SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
    const auto again = co_await wait_after(result);
    if (again && *again) continue;
    is_open_ = false;
    co_return fail(Code::kIo, "tls: read failed");
  }
}

async::Task<std::size_t> TlsConnection::write_some(std::string_view bytes) {
  for (;;) {
    std::size_t sent = 0;
    ::ERR_clear_error();
    const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    if (result == 1) co_return sent;
    const auto again = co_await wait_after(result);
    if (again && *again) continue;
    is_open_ = false;
    co_return fail(Code::kIo, "tls: write failed");
  }
}

TlsConnection::Peek TlsConnection::peek() {
  char byte = 0;
  std::size_t bytes = 0;
  ::ERR_clear_error();
  const int result = ::SSL_peek_ex(ssl_.get(), &byte, 1, &bytes);
  if (result == 1) return Peek::kData;
  const int wanted = ::SSL_get_error(ssl_.get(), result);
  if (wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE) return Peek::kNothing;
  if (wanted != SSL_ERROR_ZERO_RETURN) is_open_ = false;
  return Peek::kEnd;
}

void TlsConnection::shutdown() noexcept {
  if (!std::exchange(is_open_, false)) return;
  ::ERR_clear_error();
  static_cast<void>(::SSL_shutdown(ssl_.get()));  // Whether the client hears it is its affair.
}

}  // namespace narthex::http
