# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A chat server on em-websocket, started with a JSON object of settings:
#
# port; idle: comm_inactivity_timeout of EventMachine in seconds. {"how":"abort"} makes it abort.

require 'em-websocket'
require 'json'

settings = JSON.parse(ARGV[0])

EM.run do
  EM::WebSocket.start(host: '0.0.0.0', port: settings['port']) do |socket|
    socket.comm_inactivity_timeout = settings['idle'] if settings['idle']
    socket.onopen { socket.send('{"type":"welcome"}') }
    socket.onmessage do |message|
      Process.kill('ABRT', Process.pid) if JSON.parse(message)['how'] == 'abort'
      socket.send('{"type":"said"}')
    end
  end
end
