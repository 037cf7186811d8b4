// Reading text word by word, knowing line and column.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::ir {

// Blanks separate words, `#` starts a comment that ends with the line, line ends are significant.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  std::unexpected<Error> error(std::string_view what) const {
    return fail("line " + std::to_string(line_) + ", column " + std::to_string(at_ - line_start_ + 1) + ": " +
                std::string(what));
  }

  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }
  bool at_line_end() {
    skip_blanks();
    return at_ == text_.size() || text_[at_] == '\n';
  }
  // Passes the ends of lines, empty lines and comments.
  void skip_lines() {
    while (at_line_end() && at_ < text_.size()) {
      ++at_;
      ++line_;
      line_start_ = at_;
    }
  }

  // Consumes `token` if it comes next.
  bool accept(std::string_view token) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(token)) return false;
    const size_t end = at_ + token.size();
    if (is_word(token.back()) && end < text_.size() && is_word(text_[end])) return false;
    at_ = end;
    return true;
  }
  Expected<void> expect(std::string_view token) {
    if (!accept(token)) return error("expected '" + std::string(token) + "'");
    return {};
  }
  // Letters, digits and underscores; empty if there are none.
  std::string_view word() {
    skip_blanks();
    const size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }
  // Steps back over a word that turned out wrong, so that an error points at it.
  void unread(std::string_view word) { at_ -= word.size(); }

  // Decimal or 0x hexadecimal, up to `limit`.
  Expected<u64> number(u64 limit = ~u64{0}) {
    const std::string_view digits = word();
    const bool hex = digits.starts_with("0x");
    u64 value = 0;
    const char* begin = digits.data() + (hex ? 2 : 0);
    const auto result = std::from_chars(begin, digits.data() + digits.size(), value, hex ? 16 : 10);
    if (digits.empty() || result.ec != std::errc{} || result.ptr != digits.data() + digits.size()) {
      unread(digits);
      return error("expected a number");
    }
    if (value > limit) {
      unread(digits);
      return error("number above " + std::to_string(limit));
    }
    return value;
  }

 private:
  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    if (at_ < text_.size() && text_[at_] == '#')
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t line_start_ = 0;
  unsigned line_ = 1;
};

}  // namespace mimus::ir
