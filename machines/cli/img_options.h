// What `mimus img` takes: one verb for each thing to do with disk images.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::cli {

struct ImgOptions {
  std::string verb;  // "create", "info", ..., or "help"
  std::string text;  // help: what to print
  std::string file, target, size;
  std::string format, backing, backing_format;
  std::string source_format;  // convert
  std::string cluster_size = "64K";
  std::string compression = "zlib";
  u32 version = 3;
  u32 refcount_bits = 16;
  bool lazy_refcounts = false;
  bool compress = false, force = false, repair = false, shrink = false, unsafe = false, list = false;
  std::string make, apply, remove;  // snapshot
};

// `argv`: what follows "mimus img". Errors are of kind `usage`.
Expected<ImgOptions> parse_img_options(int argc, const char* const* argv);

}  // namespace mimus::cli
