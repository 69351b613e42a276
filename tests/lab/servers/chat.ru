# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A chat server on faye-websocket, for puma.

require 'faye/websocket'

run(lambda do |env|
  return [404, { 'Content-Type' => 'text/plain' }, ["not here\n"]] unless Faye::WebSocket.websocket?(env)

  socket = Faye::WebSocket.new(env, [], max_length: 1 << 16)
  socket.on(:open) { socket.send('{"type":"welcome"}') }
  socket.on(:message) { socket.send('{"type":"said"}') }
  socket.rack_response
end)
