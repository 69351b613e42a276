#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A chat server on gevent-websocket; its argument is the port."""
import sys

from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler


def chat(environ, start_response):
    socket = environ.get("wsgi.websocket")
    if not socket:
        start_response("404 Not Found", [])
        return [b"not here\n"]
    socket.send('{"type":"welcome"}')
    while socket.receive() is not None:
        socket.send('{"type":"said"}')
    return []


WSGIServer(("", int(sys.argv[1])), chat, handler_class=WebSocketHandler).serve_forever()
