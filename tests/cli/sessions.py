#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""sessions.py PORT COUNT: WebSocket sessions over loopback, between two processes.

Says "open" when all are, ends them from the side of the server at the next line of its input without
a Close frame, says "ended" when the clients have closed as well, and waits for the end of its input.
"""
import base64, hashlib, os, resource, socket, sys

port, count = int(sys.argv[1]), int(sys.argv[2])
files = 2 * count + 100
resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))


def read_head(peer):
    head = b""
    while b"\r\n\r\n" not in head:
        more = peer.recv(4096)
        if not more:
            sys.exit("sessions.py: closed during the handshake")
        head += more
    return head


def serve(listener, orders):
    peers = []
    for _ in range(count):
        peer, _ = listener.accept()
        key = read_head(peer).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        peers.append(peer)
    os.read(orders, 1)
    for peer in peers:
        peer.close()
    os.read(orders, 1)


listener = socket.create_server(("127.0.0.1", port), backlog=128)
orders, give_orders = os.pipe()
if os.fork() == 0:
    os.close(give_orders)
    serve(listener, orders)
    os._exit(0)
clients = []
for number in range(count):
    client = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16))
    client.sendall(b"GET /chat HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n")
    read_head(client)
    clients.append(client)
print("open", flush=True)
sys.stdin.readline()
os.write(give_orders, b".")
for client in clients:
    client.recv(1)
    client.close()
print("ended", flush=True)
sys.stdin.read()
