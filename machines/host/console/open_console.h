// Console endpoints that need nothing but a file or a socket.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/device/event_queue.h"
#include "core/endpoint/char_endpoint.h"

namespace mimus {

// Output goes to `path`, which is made or emptied; there is no input.
Expected<std::unique_ptr<CharEndpoint>> open_file_console(const std::string& path, EventQueue& events);

// Listens at "/path" (a Unix socket), "PORT" or "HOST:PORT" (TCP; the host defaults to 127.0.0.1) and serves one client
// at a time. What the guest prints while there is none is kept (the last 64 KiB) for the next one.
Expected<std::unique_ptr<CharEndpoint>> open_socket_console(const std::string& address, EventQueue& events);

}  // namespace mimus
