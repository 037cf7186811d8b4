// Files as the loaders read them: whole, with messages for the person who named them.
#pragma once

#include <span>
#include <string>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

// The whole file. `what` says what it is for: "kernel" gives "kernel /boot/x: No such file or directory".
Expected<Bytes> read_file(const std::string& path, std::string_view what);

bool is_gzip(std::span<const u8> data);
// Decompresses a gzip stream (RFC 1952); more than `limit` bytes of output is an error.
Expected<Bytes> gunzip(std::span<const u8> data, u64 limit);

// Little-endian number of `bytes` (1..8) at `offset`, which the caller has checked to lie inside.
u64 read_le(std::span<const u8> data, u64 offset, unsigned bytes);

}  // namespace mimus
