#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A chat server on Autobahn and Twisted, started with a JSON object of settings:

port; the others are protocol options of Autobahn (maxMessagePayloadSize, failByDrop, ...).
"""
import json
import sys

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor

SETTINGS = json.loads(sys.argv[1])


class Chat(WebSocketServerProtocol):
    def onOpen(self):
        self.sendMessage(b'{"type":"welcome"}')

    def onMessage(self, payload, isBinary):
        if json.loads(payload).get("how") == "throw":
            raise RuntimeError("the database is down")
        self.sendMessage(b'{"type":"said"}')


factory = WebSocketServerFactory()
factory.protocol = Chat
factory.setProtocolOptions(**{name: value for name, value in SETTINGS.items() if name != "port"})
reactor.listenTCP(SETTINGS["port"], factory)
reactor.run()
