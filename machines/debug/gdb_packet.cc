#include "machines/debug/gdb_packet.h"

#include <fmt/format.h>

namespace mimus::gdb {
namespace {

constexpr char kEscape = '}', kInterrupt = '\x03';
constexpr u8 kEscapeFlip = 0x20;

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool needs_escape(char c) { return c == '$' || c == '#' || c == kEscape || c == '*'; }

}  // namespace

PacketReader::Kind PacketReader::end_packet() {
  state_ = State::idle;
  return valid_ && sum_ == expected_ ? Kind::packet : Kind::damaged;
}

PacketReader::Kind PacketReader::next(std::string_view& bytes) {
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    switch (state_) {
      case State::idle:
        if (c == kInterrupt) return Kind::interrupt;
        if (c == '-') return Kind::nack;
        if (c != '$') break;  // acknowledgments, and noise
        state_ = State::body;
        payload_.clear();
        sum_ = 0;
        valid_ = true;
        break;
      case State::body:
        if (c == '#') {
          state_ = State::checksum_high;
          break;
        }
        sum_ = u8(sum_ + u8(c));
        if (c == kEscape)
          state_ = State::escaped;
        else if (payload_.size() < kPacketBytes)
          payload_ += c;
        else
          valid_ = false;
        break;
      case State::escaped:
        sum_ = u8(sum_ + u8(c));
        state_ = State::body;
        if (payload_.size() < kPacketBytes)
          payload_ += char(u8(c) ^ kEscapeFlip);
        else
          valid_ = false;
        break;
      case State::checksum_high:
        valid_ &= digit_value(c) >= 0;
        expected_ = u8(digit_value(c) << 4);
        state_ = State::checksum_low;
        break;
      case State::checksum_low:
        valid_ &= digit_value(c) >= 0;
        expected_ = u8(expected_ | digit_value(c));
        return end_packet();
    }
  }
  return Kind::none;
}

std::string frame(std::string_view payload) {
  std::string text = "$";
  u8 sum = 0;
  auto add = [&](char c) {
    text += c;
    sum = u8(sum + u8(c));
  };
  for (char c : payload) {
    if (needs_escape(c)) {
      add(kEscape);
      c = char(u8(c) ^ kEscapeFlip);
    }
    add(c);
  }
  return text + fmt::format("#{:02x}", sum);
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (char c : bytes) {
    text += kDigits[u8(c) >> 4];
    text += kDigits[u8(c) & 15];
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2) return std::nullopt;
  std::string bytes;
  bytes.reserve(digits.size() / 2);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = digit_value(digits[i]), low = digit_value(digits[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += char(high << 4 | low);
  }
  return bytes;
}

std::optional<u64> take_number(std::string_view& text) {
  constexpr size_t kMostDigits = 16;
  u64 value = 0;
  size_t digits = 0;
  for (; digits < text.size() && digit_value(text[digits]) >= 0; digits++) {
    if (digits == kMostDigits) return std::nullopt;
    value = value << 4 | u64(digit_value(text[digits]));
  }
  if (!digits) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::string_view take_until(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

}  // namespace mimus::gdb
