// Expected<T>: the one way in which a function reports that it could not do its work.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace mimus {

// A message for the person at the keyboard: what was wrong, where, and what to do about it.
struct Error {
  enum class Kind { failure, usage };  // exit codes 1 and 2
  std::string message;
  Kind kind = Kind::failure;
};

template <class T>
using Expected = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string message) { return std::unexpected(Error{std::move(message)}); }
inline std::unexpected<Error> usage_error(std::string message) {
  return std::unexpected(Error{std::move(message), Error::Kind::usage});
}

}  // namespace mimus

// Evaluates `expr` (an Expected); returns its error from the enclosing function, or declares `var` with its value.
#define MIMUS_CONCAT_(a, b) a##b
#define MIMUS_CONCAT(a, b) MIMUS_CONCAT_(a, b)
#define MIMUS_TRY_(tmp, var, expr)                          \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  var = std::move(*tmp)
#define MIMUS_TRY(var, expr) MIMUS_TRY_(MIMUS_CONCAT(expected_, __LINE__), var, expr)
#define MIMUS_CHECK(expr) \
  if (auto expected_result = (expr); !expected_result) return std::unexpected(std::move(expected_result).error())
