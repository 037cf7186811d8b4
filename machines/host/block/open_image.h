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

}  // namespace mimus
