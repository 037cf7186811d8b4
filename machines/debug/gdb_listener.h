// The socket of a GDB server: one connection at a time.
#pragma once

#include <string>

#include "core/base/error.h"

namespace mimus::gdb {

// Listens on "[HOST:]PORT"; without HOST on 127.0.0.1 alone. Port 0: any. A descriptor (close-on-exec).
Expected<int> listen_on(const std::string& where);
// "127.0.0.1:1234" of a listening socket.
std::string address_of(int listener);

class Session;
// Serves a connection until it ends or the session is over. `wake` becomes readable (eventfd) when the target may have
// stopped.
void serve(Session& session, int connection, int wake);

}  // namespace mimus::gdb
