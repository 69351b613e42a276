# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A chat application for ASGI servers: uvicorn, gunicorn with uvicorn's workers, daphne.

Paths below /lab/refused are closed before they are accepted. The orders of messages:
{"how":"throw"} fails, {"how":"block","s":N} keeps the worker busy without a chance for its event loop.
"""
import json
import time


async def lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def chat(receive, send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": '{"type":"welcome"}'})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        order = json.loads(message["text"])
        if order.get("how") == "throw":
            raise RuntimeError("the database is down")
        if order.get("how") == "block":
            time.sleep(order["s"])
        await send({"type": "websocket.send", "text": '{"type":"said"}'})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"not here\n"})
    else:
        await receive()
        if scope["path"].startswith("/lab/refused"):
            await send({"type": "websocket.close", "code": 1008})
        else:
            await chat(receive, send)
