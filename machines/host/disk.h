// Disks of the host: what --disk FILE[,format=raw|qcow2][,readonly][,snapshot=on][,serial=TEXT]
// [,aio=auto|io_uring|threads] describes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/device/event_queue.h"
#include "core/endpoint/block_endpoint.h"

namespace mimus {

// The file stays open and locked as long as the endpoint lives. Without a format the file's first bytes decide.
// With `snapshot` the file is only read, and what the guest writes is forgotten at the end. The serial number is at
// most 20 bytes; by default it is made from the file's name.
Expected<std::unique_ptr<BlockEndpoint>> open_disk(std::string_view spec, EventQueue& events);

}  // namespace mimus
