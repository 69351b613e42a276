#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A chat server on Tornado, started with a JSON object of settings:

port; ping_interval and ping_timeout (seconds); workers: processes that share the listener;
execute_on_hangup: SIGHUP makes it execute itself anew, as Tornado's autoreload does.
"""
import json
import os
import signal
import sys

import tornado.httpserver
import tornado.ioloop
import tornado.netutil
import tornado.process
import tornado.web
import tornado.websocket

SETTINGS = json.loads(sys.argv[1])


class Chat(tornado.websocket.WebSocketHandler):
    def open(self, *args, **kwargs):
        self.write_message('{"type":"welcome"}')

    def on_message(self, message):
        self.write_message('{"type":"said"}')

    def data_received(self, chunk):
        pass


if SETTINGS.get("execute_on_hangup"):
    signal.signal(signal.SIGHUP, lambda *_: os.execv(sys.executable, [sys.executable, *sys.argv]))
app = tornado.web.Application(
    [("/lab/.*", Chat)], websocket_ping_interval=SETTINGS.get("ping_interval"),
    websocket_ping_timeout=SETTINGS.get("ping_timeout"))
listeners = tornado.netutil.bind_sockets(SETTINGS["port"])
if SETTINGS.get("workers"):
    tornado.process.fork_processes(SETTINGS["workers"])
tornado.httpserver.HTTPServer(app).add_sockets(listeners)
tornado.ioloop.IOLoop.current().start()
