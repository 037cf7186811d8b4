"""Networks: both ways through the NAT, and between two machines."""

import hashlib
import random
import socket
import threading
import urllib.request
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.machine import Missing

from .base import MIB, PROMPT, free_port, power_off, require


class Files(BaseHTTPRequestHandler):
    """Serves the bytes in `content`, whatever the path."""

    content = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


class Server:
    """An HTTP server on the host's loopback for the duration of a `with` block."""

    def __init__(self, content, address="127.0.0.1"):
        handler = type("Handler", (Files,), {"content": content})
        kind = type("HttpServer", (ThreadingHTTPServer,), {"address_family": socket.AF_INET6 if ":" in address else socket.AF_INET})
        self._server = kind((address, 0), handler)
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def fetch_from_guest(port, timeout):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/file", timeout=timeout) as answer:
        return answer.read()


def network(context, smp=1):
    """The guest fetches from a server on the host's loopback; the host fetches from the guest through a forward."""
    content = random.Random(1).randbytes(6 * MIB)
    port = free_port()
    machine = context.busybox("initrd", network=True, forwards=((port, 80),), smp=smp)
    with Server(content) as server, context.start(machine) as console:
        console.expect(PROMPT, context.wait(60))
        console.run("netup", timeout=context.wait(30))
        run = partial(console.run, timeout=context.wait(60))
        require("10.0.2.15" in run("ip addr show eth0"), "DHCP did not give 10.0.2.15")
        run(f"mkdir -p /www; wget -q -O /www/file http://10.0.2.2:{server.port}/file")
        require(run("md5sum </www/file").split()[0] == hashlib.md5(content).hexdigest(), "the download is damaged")
        run("httpd -p 80 -h /www")
        for _ in range(2):
            require(fetch_from_guest(port, context.wait(30)) == content, "what the host gets from the guest is damaged")
        run("ping -c 2 -W 5 10.0.2.2")
        power_off(console, context)


def network_ipv6(context):
    """The guest takes an address of its own from the router's advertisement and reaches the host's ::1."""
    content = random.Random(2).randbytes(2 * MIB)
    try:
        server = Server(content, "::1")
    except OSError as error:
        raise Missing(f"::1 on the host ({error})") from error
    with server, context.start(context.busybox("initrd", network=True)) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(60))
        # The guest's start asks for an IPv4 address and flushes all others. After that, the router is asked again.
        run("while ps | grep -q '[u]dhcpc'; do sleep 0.1; done; ip link set eth0 down; ip link set eth0 up")
        run("for i in $(seq 1 50); do ip -6 addr show eth0 | grep -v tentative | grep -q fec0: && break; sleep 0.2; done; "
            "ip -6 addr show eth0 | grep fec0:")
        run("ping6 -c 2 -W 5 fec0::2")
        run(f"wget -q -O /tmp/file 'http://[fec0::2]:{server.port}/file'")
        require(run("md5sum </tmp/file").split()[0] == hashlib.md5(content).hexdigest(), "the download is damaged")
        power_off(console, context)


def network_link(context):
    """Two machines on a cable, one of them with two NICs and a capture file."""
    cable, capture = f"link={context.scratch}/cable", context.scratch / "net.pcap"
    first = context.busybox("initrd", nets=(f"user,pcap={context.scratch}/user.pcap", f"{cable},pcap={capture}"))
    second = context.busybox("initrd", nets=(cable,), virtio="pci")
    with context.start(first) as a, context.start(second) as b:
        for console, device, address in ((a, "eth1", 1), (b, "eth0", 2)):
            console.expect(PROMPT, context.wait(60))
            console.run(f"ip addr add 192.168.7.{address}/24 dev {device}; ip link set {device} up")
        a.run("mkdir -p /www; seq 1 300000 >/www/file; httpd -p 80 -h /www", timeout=context.wait(60))
        b.run("ping -c 2 -W 5 192.168.7.1", timeout=context.wait(30))
        b.run("wget -q -O /tmp/file http://192.168.7.1/file", timeout=context.wait(60))
        sums = [console.run(f"md5sum <{path}").split()[0] for console, path in ((a, "/www/file"), (b, "/tmp/file"))]
        require(sums[0] == sums[1], "the file is damaged")
        a.process.kill()  # the capture is whole, however the run ends
        b.run("! ping -c 1 -W 1 192.168.7.1 >/dev/null")
        power_off(b, context)
    packets, last = read_capture(capture)
    require(packets > 100 and last == capture.stat().st_size, f"the capture holds {packets} packets, {last} bytes of it whole")


def read_capture(path):
    """Number of packets in a capture file, and where the last whole one ends."""
    data = path.read_bytes()
    require(data[:4] == b"\x4d\x3c\xb2\xa1" and data[20:24] == b"\1\0\0\0", "header of the capture file")
    packets, at = 0, 24
    while at + 16 <= len(data) and at + 16 + int.from_bytes(data[at + 8:at + 12], "little") <= len(data):
        at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
        packets += 1
    return packets, at
