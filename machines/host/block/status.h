// Results of the inner functions of image formats.
#pragma once

#include <cerrno>
#include <expected>

#include "core/endpoint/block_endpoint.h"

namespace mimus {

template <class T>
using Io = std::expected<T, BlockEndpoint::Status>;

inline std::unexpected<BlockEndpoint::Status> io_error() { return std::unexpected(BlockEndpoint::Status::io_error); }
inline BlockEndpoint::Status status_of(int error) {
  using enum BlockEndpoint::Status;
  return error == 0 ? ok : error == ENOSPC || error == EDQUOT || error == EFBIG ? no_space : io_error;
}
// Of an errno value: nothing when it is 0.
inline Io<void> io_result(int error) {
  if (error == 0) return {};
  return std::unexpected(status_of(error));
}
inline BlockEndpoint::Status status_of(const Io<void>& result) {
  return result ? BlockEndpoint::Status::ok : result.error();
}
// For messages: "no space left on the host", ...
inline const char* describe(BlockEndpoint::Status status) {
  static constexpr const char* kTexts[] = {"ok", "input/output error", "no space is left on the host's file system",
                                           "it is read-only", "not supported"};
  return kTexts[int(status)];
}

}  // namespace mimus
