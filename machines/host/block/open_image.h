// Opening an image of any supported format, with its backing files.
#pragma once

#include <memory>
#include <string>

#include "machines/host/block/host_file.h"
#include "machines/host/block/image.h"

namespace mimus {

// `format`: "raw", "qcow2", or empty to look at the file.
Expected<std::unique_ptr<BlockImage>> open_image(const std::string& path, const std::string& format,
                                                 HostFile::Access access);

// What the first bytes of the file say; an error for formats that cannot be used.
Expected<std::string> detect_format(const Storage& file);
Expected<std::string> detect_format(const std::string& path);

// The path of a backing file that `image` names.
Expected<std::string> backing_path(const std::string& image, std::string name);

// A writable disk with the contents of `image`, which stays as it is; what is written is lost at the end.
Expected<std::unique_ptr<BlockImage>> throw_away_overlay(std::unique_ptr<BlockImage> image);

}  // namespace mimus
